package rawjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// decode builds what encoding/json would, by cursor alone. Numbers stay text.
func decode(c *rawjson.Cursor) (any, error) {
	switch c.Kind() {
	case '{':
		object := map[string]any{}
		err := c.Members(func(name []byte) error {
			key := string(name)
			v, err := decode(c)
			object[key] = v
			return err
		})
		return object, err
	case '[':
		list := []any{}
		err := c.Items(func() error {
			v, err := decode(c)
			list = append(list, v)
			return err
		})
		return list, err
	case '"':
		return c.String()
	case 't', 'f':
		return c.Bool()
	case 'n':
		_, err := c.Null()
		return nil, err
	}
	raw, err := c.Raw()
	return json.Number(raw), err
}

func reference(t testing.TB, text string) (any, bool) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	return v, !dec.More() && json.Valid([]byte(text))
}

// FuzzCursorReadsWhatEncodingJSONReads holds reading and skipping against
// encoding/json on everything that is JSON; on anything else it must not panic.
func FuzzCursorReadsWhatEncodingJSONReads(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, ` { "a" : [ 1 , -2.5e3 , "x\"\\\u00e9\n" , true , false , null , {} ] } `,
		`{"é":"\ud83d\ude00","\\":"\\\\","":[[[]]]}`, "\"\x80\"", `{"a":1,"a":2}`, `{"a"`, `[1,]`, `"\`, `{"a":[}`, `nul`, `-`, "\"\x01\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := rawjson.New([]byte(text))
		got, err := decode(c)
		if err == nil {
			err = c.End()
		}
		skipper := rawjson.New([]byte(text))
		skipErr := skipper.Skip()
		want, valid := reference(t, text)
		if !valid {
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %#v, %v; want %#v", text, got, err, want)
		}
		if skipErr != nil || skipper.End() != nil {
			t.Fatalf("%q: skip stops at %d: %v", text, skipper.Offset(), skipErr)
		}
	})
}

func TestIntegersAreReadExactly(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-12": -12, "9223372036854775807": 9223372036854775807, "1e3": 1000, "2.0": 2, "null": 0} {
		if got, err := rawjson.New([]byte(text)).Int(); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1.5", "01", "1e99", "x", `"1"`, "-", "{}", ""} {
		if got, err := rawjson.New([]byte(text)).Int(); err == nil {
			t.Errorf("%s: got %d, want an error", text, got)
		}
	}
}

func TestErrorsNamePathAndByte(t *testing.T) {
	for text, want := range map[string]string{
		`x`:                                      "want a value at byte 0",
		`{"a": x}`:                               "a: want a value at byte 6",
		`{"a": [{}, {"b": x}]}`:                  "a[1].b: want a value at byte 17",
		`{"a.b/c": {"\n": [[x]]}}`:               `["a.b/c"]["\n"][0][0]: want a value at byte 19`,
		`{"` + strings.Repeat("a", 50) + `": x}`: `["` + strings.Repeat("a", 40) + `"]: want a value at byte 55`,
	} {
		_, err := decode(rawjson.New([]byte(text)))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestAFieldIsFoundByItsPath(t *testing.T) {
	data := []byte(`{"a": {"b": [1], "c": null, "b": "x"}, "d": 1}`)
	for path, want := range map[string]string{"": string(data), "a.b": `"x"`, "a.c": "null", "d": "1", "d.e": "", "a.x": "", "a.c.y": "", "z": ""} {
		var fields []string
		if path != "" {
			fields = strings.Split(path, ".")
		}
		if got := string(rawjson.At(data, fields)); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
