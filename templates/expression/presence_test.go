package expression

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The mark ¦ precedes each parameter whose presence is asked for in vain.
func TestParametersAreAlwaysThere(t *testing.T) {
	for _, marked := range []string{
		// Asked in vain.
		`${has(params.¦text)}`,
		`${!has(params.¦text)}`,
		`-${has(params.¦text) ? params.text : "x"}`,
		`${has(params.¦text) ? "--x=" + params.text : ""}`,
		`${has(params.¦count) && has(pod.spec.nodeName)}`,
		`${has(params.¦text) || has(params.¦list)}`,
		`${params.?¦text.hasValue()}`,
		`${params.?¦text.orValue("x")}`,
		`${params.?¦count.orValue(1) + params.?¦port.orValue(2)}`,
		`${params.?¦text.optMap(v, v + "x")}`,
		`${app.?image.or(params.?¦text).orValue("")}`,
		`é${has(params.¦text)}`,

		// Asked beside what tells whether it is given, or without an effect.
		`${has(params.text) && params.text != ""}`,
		`${has(params.text) && params.text.startsWith("a")}`,
		`${has(params.on) && params.on}`,
		`${has(params.on) ? params.on : false}`,
		`${has(params.text) ? params.text : ""}`,
		`${has(params.count) ? params.count : 0}`,
		`${has(params.list) ? params.list : []}`,
		`${has(params.list) && size(params.list) > 0 ? params.list : ["a"]}`,
		`${params.?text.orValue("")}`,
		`${params.?count.orValue(0)}`,
		`${params.?on.orValue(false)}`,
		`${params.?text.orValue("") != "" ? "x" : "y"}`,
		`${params.text != "" ? params.text : "x"}`,
		`${optional.ofNonZeroValue(params.text)}`,
		`${has(app.image) ? params.text : "x"}`,
		`${pod.?spec.?nodeName.orValue("x")}`,
		`${params.list.filter(params, has(app.image)).size()}`,
	} {
		var want []string
		plain := ""
		for i, part := range strings.Split(marked, "¦") {
			if i > 0 {
				want = append(want, fmt.Sprint(len(plain)))
			}
			plain += part
		}
		x, err := compile(t, plain, anyValue)
		if err != nil {
			t.Errorf("%s: %s", plain, err.Message)
			continue
		}
		var got []string
		for _, p := range x.Presences() {
			got = append(got, fmt.Sprint(p.Offset))
			if !strings.HasPrefix(plain[p.Offset:], p.Parameter) {
				t.Errorf("%s: parameter %s is not at %d", plain, p.Parameter, p.Offset)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got offsets %v, want %v", plain, got, want)
		}
	}
}

// The mark ¦ precedes each constant that a parameter is compared with.
func TestParametersAreComparedWithConstants(t *testing.T) {
	for _, marked := range []string{
		`${params.text == ¦"a"}`,
		`é${¦"a" != params.text}`,
		`${params.text in [¦"a", ¦"b"]}`,
		`${¦"a" in params.list && params.text == ¦""}`,
		`${params.text == app.name}`,
		`${app.name == "a"}`,
		`${params.text + "x" == "a"}`,
		`${params.list.exists(x, x == "a")}`,
		`${params.count == 1}`,
	} {
		plain := strings.ReplaceAll(marked, "¦", "")
		got := plain
		for _, c := range slices.Backward(mustCompile(t, plain, anyValue).Comparisons()) {
			got = got[:c.Offset] + "¦" + got[c.Offset:]
		}
		if got != marked {
			t.Errorf("got %s, want %s", got, marked)
		}
	}
}
