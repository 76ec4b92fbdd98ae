package manifest

import "testing"

func TestNumbersAreWrittenInJSONAsTheyAreWritten(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"YAML in JSON's notation":          {"[1.0, 1.50, 1E3, -0.0, 12345678901234567890123, 1e-400]", "[1.0,1.50,1E3,-0.0,12345678901234567890123,1e-400]"},
		"YAML in notations of its own":     {"[0x1F, 1_000, 017, .5, +1, 1.]", "[31,1000,15,0.5,1,1]"},
		"YAML that is no number":           {`["1.0", '1e400', 1e400, !!str 1.0, yes, 1.0.0]`, `["1.0","1e400","1e400","1.0",true,"1.0.0"]`},
		"JSON":                             {`{"a":[1.0,1.50,1E3,-0],"b":"1.0"}`, `{"a":[1.0,1.50,1E3,-0],"b":"1.0"}`},
		"JSON too large for a float":       {`{"a": 1e400}`, `{"a":1e400}`},
		"JSON behind a marker and a mark":  {byteOrderMark + "---\n" + `{"a": 1e400}`, `{"a":1e400}`},
		"YAML that looks like it":          {`{a: 1e400}`, `{"a":"1e400"}`},
		"by an alias and by a merged key":  {"a: &a {x: 1.0}\nb: *a\nc: {<<: *a}", `{"a":{"x":1.0},"b":{"x":1.0},"c":{"x":1.0}}`},
		"JSON of another document is JSON": {`{"a": 1}{"a": 1e400}`, `{"a":1}{"a":1e400}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stream, err := Parse("f", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, d := range stream.Documents {
				got += string(d.Written())
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}
