package program

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectsKeepTheirOrderAndNeverChange(t *testing.T) {
	const text = `{"b":1,"a":{"y":[1.5,true,null,"<&>"],"x":{}},"c":[],"d":-9223372036854775808,"e":1e+30}`
	o, err := ObjectFromJSON([]byte(" " + text + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, want string, got Object) {
		t.Helper()
		if diff := cmp.Diff(want, string(got.AppendJSON(nil))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}
	check("read", text, o)
	check("without", `{"a":{"y":[1.5,true,null,"<&>"],"x":{}}}`, o.Without("b", "c", "d", "e", "f"))
	check("with a new member", `{"x":{},"z":"new"}`, o.Object("a").Without("y").With("z", "new"))
	check("with another value", `{"y":1,"x":{}}`, o.Object("a").With("y", int64(1)))
	check("afterwards", text, o)
	check("nil", `{}`, nil)

	var plain map[string]any
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		t.Fatal(err)
	}
	mapped, err := json.Marshal(o.Map())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ObjectFromJSON(mapped)
	if err != nil {
		t.Fatal(err)
	}
	check("as a map", `{"a":{"x":{},"y":[1.5,true,null,"<&>"]},"b":1,"c":[],"d":-9223372036854775808,"e":1e+30}`, again)
	marshalled, err := json.Marshal(o.Without("a"))
	if err != nil || string(marshalled) != `{"b":1,"c":[],"d":-9223372036854775808,"e":1e+30}` {
		t.Errorf("marshalled: %s %v", marshalled, err)
	}
	if o.Text("b") != "" || o.Object("c") != nil || o.List("a") != nil {
		t.Error("a member of another kind is not absent")
	}
}

func TestOnlyOneWholeObjectIsAnObject(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", `"a"`, "1", "{", `{"a"}`, `{"a":1}{}`, `{"a":1,"a":2}`, `{"a":1e999}`, `{"a":01}`,
		strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000),
	} {
		if o, err := ObjectFromJSON([]byte(text)); err == nil {
			t.Errorf("%.40q gives %v", text, o)
		}
	}
}

// FuzzObjectFromJSON checks that encoding/json accepts everything that is accepted and reads the same from
// the output, and that writing and reading again changes nothing.
func FuzzObjectFromJSON(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,"\u0000\ud800é"],"b":{"c":null}}`, `{"a":1e400}`, `{"":{}}`, "{\"a\":\"\x80\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ObjectFromJSON(data)
		if err != nil {
			return
		}
		var before, after map[string]any
		if err := json.Unmarshal(data, &before); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		written := o.AppendJSON(nil)
		if err := json.Unmarshal(written, &after); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("-before +after:\n%s", diff)
		}
		again, err := ObjectFromJSON(written)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(written), string(again.AppendJSON(nil))); diff != "" {
			t.Fatalf("-first +second:\n%s", diff)
		}
	})
}
