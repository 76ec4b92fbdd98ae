package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

func parameterOf(t *testing.T, declaration string) *templates.Template {
	t.Helper()
	e := valid(t, templates.SourceBuiltIn, clusterKind, "", "a", "{parameters: [{name: p, "+declaration+"}], pod: {metadata: {labels: {a: b}}}}")
	return e.Template
}

func bindText(tmpl *templates.Template, text string, given bool) (any, string) {
	p, faults := tmpl.Bind(func(string) (string, bool) { return text, given })
	if len(faults) > 0 {
		return nil, faults[0].Message
	}
	return tmpl.SampleInput(p).Activation().Parameters["p"], ""
}

func TestEachTypeTakesItsValuesAndNoOthers(t *testing.T) {
	for _, c := range []struct {
		kind v1alpha1.ParameterType
		good map[string]any
		bad  []string
	}{
		{"string", map[string]any{"x": "x", "$(HOME)": "$(HOME)", "a\nb": "a\nb", "${x}": "${x}", "\x1b": "\x1b"}, []string{"\xff", "a\x00b"}},
		{"integer", map[string]any{"0": int64(0), "-5": int64(-5), "9223372036854775807": int64(9223372036854775807)},
			[]string{"x", "1.5", "1e3", "0x10", "+1", "01", " 1", "1 ", "9223372036854775808", "1_000"}},
		{"number", map[string]any{"0": 0.0, "-1.5": -1.5, "1e3": 1000.0}, []string{"x", "NaN", "Inf", "0x10", "1_0", "1e999", " 1"}},
		{"boolean", map[string]any{"true": true, "false": false}, []string{"yes", "True", "1", "t"}},
		{"quantity", map[string]any{"100m": "100m", "64Mi": "64Mi", "1": "1", "1.5": "1.5"}, []string{"64MB", "x", "1 Mi", "$(A)"}},
		{"duration", map[string]any{"30s": "30s", "1h15m": "1h15m", "0": "0"}, []string{"30", "1d", "s", "1 s"}},
		{"path", map[string]any{"/a/b": "/a/b", "a": "a", "a..b": "a..b", "/": "/"}, []string{"/a/..", "..", "a/../b", "/a:b", "/$(HOME)", "/a\nb", "/a\x7f"}},
		{"url", map[string]any{"http://localhost:3000/a?b=c": "http://localhost:3000/a?b=c", "ssh://git@host/x": "ssh://git@host/x"},
			[]string{"localhost", "/a", "http://", "http://a b", "://x", "http://h/$(A)", "http://h/\n"}},
		{"name", map[string]any{"a": "a", "a.b-c": "a.b-c"}, []string{"A", "a_b", "-a", "a/b", strings.Repeat("a", 254)}},
		{"port", map[string]any{"1": int64(1), "65535": int64(65535)}, []string{"0", "65536", "http", "-1", "08"}},
		{"list<string>", map[string]any{"a": []any{"a"}, " a , b,,": []any{"a", "b"}, `["a,b", " c "]`: []any{"a,b", " c "}, "[]": []any{}},
			[]string{"[1]", "[a", "$(A)", "a,b\nc", `["a"] x`}},
	} {
		tmpl := parameterOf(t, "type: "+string(c.kind))
		for text, want := range c.good {
			got, fault := bindText(tmpl, text, true)
			if diff := cmp.Diff(want, got); diff != "" || fault != "" {
				t.Errorf("%s %q: %s -want +got:\n%s", c.kind, text, fault, diff)
			}
		}
		for _, text := range c.bad {
			if got, fault := bindText(tmpl, text, true); fault == "" {
				t.Errorf("%s takes %q as %#v", c.kind, text, got)
			} else if !isPrintable(fault) {
				t.Errorf("%s %q: the message has control characters: %q", c.kind, text, fault)
			}
		}
	}
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func TestConstraintsDecide(t *testing.T) {
	for declaration, c := range map[string]struct{ good, bad []string }{
		"type: string, enum: [info, debug]":                  {[]string{"info"}, []string{"Info", "x"}},
		`type: string, pattern: "[a-z]+"`:                    {[]string{"abc"}, []string{"abc1", "1abc", "ab\n"}},
		`type: string, pattern: "a|b"`:                       {[]string{"a", "b"}, []string{"ax", "xb"}},
		"type: string, maxLength: 3":                         {[]string{"äöü"}, []string{"abcd"}},
		"type: integer, minimum: 1, maximum: 5":              {[]string{"1", "5"}, []string{"0", "6"}},
		"type: number, minimum: 0.5, maximum: 1":             {[]string{"0.5", "1"}, []string{"0.4", "1.1"}},
		"type: quantity, minimum: 64Mi, maximum: 1Gi":        {[]string{"64Mi", "1024Mi"}, []string{"1Mi", "2Gi"}},
		"type: duration, minimum: 1s, maximum: 1h":           {[]string{"1000ms", "60m"}, []string{"999ms", "61m"}},
		"type: port, minimum: 1024":                          {[]string{"1024"}, []string{"80"}},
		"type: list<string>, enum: [a, b]":                   {[]string{"a,b", "b"}, []string{"a,c"}},
		`type: list<string>, pattern: "[a-z]", maxLength: 1`: {[]string{"a,b"}, []string{"a,bb"}},
	} {
		tmpl := parameterOf(t, declaration)
		for _, text := range c.good {
			if _, fault := bindText(tmpl, text, true); fault != "" {
				t.Errorf("%s refuses %q: %s", declaration, text, fault)
			}
		}
		for _, text := range c.bad {
			if got, fault := bindText(tmpl, text, true); fault == "" {
				t.Errorf("%s takes %q as %#v", declaration, text, got)
			}
		}
	}
}

func TestEmptyTextMeansNotGivenUnlessThereIsADefault(t *testing.T) {
	for declaration, want := range map[string]string{
		"type: integer":                          "0 ",
		"type: integer, default: 5":              "<nil> want an integer, got \"\"",
		"type: string, default: x":               " ",
		"type: string, required: true":           "<nil> required, and not given",
		"type: list<string>, default: [a]":       "[] ",
		"type: string, enum: [a, b]":             " ",
		"type: string, enum: [a, b], default: a": "<nil> want one of a, b, got \"\"",
		"type: quantity, default: \"\"":          " ",
	} {
		value, fault := bindText(parameterOf(t, declaration), "", true)
		if got := fmt.Sprint(value, " ", fault); got != want {
			t.Errorf("%s: got %q, want %q", declaration, got, want)
		}
	}
}

// Binding never changes the defaults that all requests share.
func TestDefaultsAreSharedAndNeverChanged(t *testing.T) {
	tmpl := parameterOf(t, "type: string, default: x")
	if got, _ := bindText(tmpl, "y", true); got != "y" {
		t.Errorf("got %v", got)
	}
	if got, _ := bindText(tmpl, "", false); got != "x" {
		t.Errorf("the default became %v", got)
	}
	if p, _ := tmpl.Bind(nil); p.Text("p") != "x" || p.Text("q") != "" {
		t.Errorf("the default's text became %q", p.Text("p"))
	}
}

func TestARequiredListOfCommasAloneIsNotGiven(t *testing.T) {
	for text, want := range map[string]string{
		"": "required, and not given", ",": `required, and "," holds no value`, "[]": "", "a": "", `[""]`: "",
	} {
		if _, fault := bindText(parameterOf(t, "type: list<string>, required: true"), text, true); fault != want {
			t.Errorf("%q: %q, want %q", text, fault, want)
		}
	}
	if _, fault := bindText(parameterOf(t, "type: list<string>"), ",", true); fault != "" {
		t.Error(fault)
	}
}

func TestAURLWithoutASchemeIsToldWithTheOneThatIsMeant(t *testing.T) {
	for _, c := range []struct{ declaration, text, fix string }{
		{"type: url", "v:8200", "begin with http:// or https://"},
		{"type: url", "localhost:8200", `write "http://localhost:8200"`},
		{"type: url, default: https://vault.vault:8200", "v:8200", `write "https://v:8200"`},
		{"type: url, default: http://vault.vault:8200", "v:8200", `write "http://v:8200"`},
		{`type: url, pattern: "https://.*"`, "v:8200", `write "https://v:8200"`},
		{`type: url, pattern: "https://.*"`, "localhost:8200", `write "https://localhost:8200"`},
		{`type: url, pattern: "http://.*"`, "v:8200", `write "http://v:8200"`},
		{`type: url, pattern: "s3://.*"`, "dumps", ""},
		{"type: url, default: s3://dumps", "dumps/x", `write "s3://dumps/x"`},
		{"type: url, default: s3://dumps", "s3:dumps/x", `write "s3://dumps/x"`},
		{"type: url, default: https://v", "v:99999", ""},
		{"type: url, default: https://v", ":8200", ""},
		{"type: url, default: https://v", "/x", ""},
		{"type: url, default: https://v", "//v:8200", `write "https://v:8200"`},
		{"type: url, default: https://v", "http:/v:8200", `write "http://v:8200"`},
		{"type: url, default: https://v", "http://:8200", ""},
		{"type: url, default: https://v", "$VAULT", "nobody fills in what begins with $ here: write the value itself"},
	} {
		tmpl := parameterOf(t, c.declaration)
		switch _, faults := tmpl.Bind(func(string) (string, bool) { return c.text, true }); {
		case len(faults) == 0:
			t.Errorf("%s takes %q", c.declaration, c.text)
		case faults[0].Fix != c.fix:
			t.Errorf("%s, %q: %q, want %q", c.declaration, c.text, faults[0].Fix, c.fix)
		}
	}
}
