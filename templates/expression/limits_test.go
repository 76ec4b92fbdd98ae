package expression

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// bomb returns a list that contains one list a thousand times, with the given number of levels.
func bomb(levels int) string {
	list := "lists.range(100)"
	for range levels {
		list = "[" + list + "].map(l, lists.range(100).map(i, l))[0]"
	}
	return list
}

func TestNoExpressionTakesMoreThanItsShare(t *testing.T) {
	long := strings.Repeat("a", 2000)
	for name, text := range map[string]string{
		"a long loop":                  "${lists.range(1000).map(i, lists.range(1000).map(j, i * j).size()).size()}",
		"a large range":                "${lists.range(10000000).size()}",
		"a replace that multiplies":    `${"` + long + `".replace("a", "` + long + `").replace("a", "` + long + `").size()}`,
		"a replace at every character": `${"` + long + `".replace("", "` + long + `").size()}`,
		"a join that multiplies":       `${lists.range(10000).map(i, "x").join("` + long + `").size()}`,
		"a format that repeats":        `${"%s".format([` + bomb(3) + `]).size()}`,
		"a format with many digits":    `${("%." + string(1000000) + "f").format([1.0]).size()}`,
		"a flatten that multiplies":    "${" + bomb(3) + ".flatten(4).size()}",
		"a comparison of copies":       "${" + bomb(5) + " == " + bomb(5) + "}",
		"an inequality of copies":      "${" + bomb(5) + " != " + bomb(5) + "}",
		"a search among copies":        "${" + bomb(5) + " in [" + bomb(5) + "]}",
		"a set of copies":              "${sets.contains([" + bomb(5) + "], [" + bomb(5) + "])}",
		"distinct copies":              "${[" + bomb(5) + ", " + bomb(5) + "].distinct().size()}",
		"a value of copies":            "${" + bomb(4) + "}",
	} {
		x, fault := compile(t, text, nil)
		if fault != nil {
			t.Errorf("%s: %s", name, fault.Message)
			continue
		}
		start := time.Now()
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", name, err, ExpressionCost)
		}
		if spent := time.Since(start); spent > 5*time.Second {
			t.Errorf("%s: took %s", name, spent)
		}
	}
}

func TestARenderingHasOneBudget(t *testing.T) {
	x := mustCompile(t, "${lists.range(1000).map(i, i).size()}", nil)
	var budget Budget
	for range 1000 {
		_, _, err := x.Evaluate(activation(t), &budget)
		if err == nil {
			continue
		}
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost || !strings.Contains(got.Message, "together") {
			t.Fatalf("got %v", err)
		}
		if budget.Spent() < RenderingLimit || budget.Spent() > RenderingLimit+ExpressionLimit {
			t.Errorf("spent %d", budget.Spent())
		}
		return
	}
	t.Error("a thousand expensive expressions stay within the budget")
}

func TestLookUpsSpendTheBudgetToo(t *testing.T) {
	in := activation(t)
	in.Parameters["text"] = strings.Repeat("x", 1<<20)
	x := mustCompile(t, "${params.text}", text)
	var budget Budget
	for range 20 {
		if _, _, err := x.Evaluate(in, &budget); err != nil {
			return
		}
	}
	t.Errorf("20 MB cost %d", budget.Spent())
}

// TestAllAnnotationsOfTheNamespaceAreConvertedOnce: a template may have hundreds of variables for them.
func TestAllAnnotationsOfTheNamespaceAreConvertedOnce(t *testing.T) {
	in := activation(t)
	in.NamespaceAnnotations = map[string]string{}
	for i := range 1000 {
		in.NamespaceAnnotations[strconv.Itoa(i)] = ""
	}
	x := mustCompile(t, "${namespaceObject.metadata.annotations}", anyValue)
	var budget Budget
	look := func() {
		if _, _, err := x.parts[0].value(in, &budget); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if spent := budget.Spent(); spent < 1000 {
		t.Errorf("1,000 annotations cost %d", spent)
	}
	if n := testing.AllocsPerRun(10, look); n > 10 {
		t.Errorf("%v allocations for another look", n)
	}
}

func TestTextInAValueCostsMoreThanTextThatIsRead(t *testing.T) {
	for expression, good := range map[string]bool{
		"'a'.replace('a', params.text).size()":                                  true,
		"{'a': 'a'.replace('a', params.text)}":                                  true,
		"{'a': ['a'.replace('a', params.text), 'b'.replace('b', params.text)]}": true,
		"{'a': lists.range(5).map(i, 'a'.replace('a', params.text))}":           false,
		"lists.range(5).map(i, 'a'.replace('a', params.text)).size()":           true,
	} {
		in := activation(t)
		in.Parameters["text"] = strings.Repeat("x", 1<<19)
		if _, _, err := mustCompile(t, "${"+expression+"}", nil).Evaluate(in, &Budget{}); (err == nil) != good {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestAnExpressionHasALength(t *testing.T) {
	_, err := compile(t, "${'"+strings.Repeat("a", longestExpression)+"'}", nil)
	if err == nil || err.Reason != ExpressionSyntax {
		t.Errorf("got %v", err)
	}
	_, err = compile(t, "${"+strings.Repeat("(", 4000)+"1"+strings.Repeat(")", 4000)+"}", nil)
	if err == nil {
		t.Error("4000 parentheses are accepted")
	}
}

// bound binds each of the values to a variable, nested; X in last is the innermost variable.
func bound(last string, values ...string) string {
	for i := len(values) - 1; i >= 0; i-- {
		last = fmt.Sprintf("[%s].map(v%d, %s)[0]", values[i], i, last)
	}
	return strings.ReplaceAll(last, "X", fmt.Sprintf("v%d", len(values)-1))
}

// doubledText binds a text of two bytes that is doubled the given number of times.
func doubledText(times int, last string) string {
	values := []string{"'11'"}
	for i := range times {
		values = append(values, fmt.Sprintf("v%d + v%d", i, i))
	}
	return bound(last, values...)
}

func TestTypesThatGrowAreRefusedBeforeTheyAreChecked(t *testing.T) {
	doubling := []string{"{1: 1}"}
	for i := range 30 {
		doubling = append(doubling, fmt.Sprintf("{v%d: v%d}", i, i))
	}
	inserted := []string{"{1: 1}"}
	for i := range 30 {
		inserted = append(inserted, fmt.Sprintf("[1].transformMap(i, x, v%d)", i))
	}
	open := func(empty string) string {
		text := "'x'"
		for i := 30; i > 0; i-- {
			text = strings.NewReplacer("A", fmt.Sprintf("v%d", i-1), "B", fmt.Sprintf("v%d", i)).Replace("["+empty+"].map(B, (A in B) && B.exists(k, v, v == A) ? ") + text + " : 'y')[0]"
		}
		return "[{1: 1}].map(v0, " + text + ")[0]"
	}
	hidden := "'x'"
	for i := 20; i > 0; i-- {
		hidden = strings.NewReplacer("A", fmt.Sprintf("v%d", i-1), "B", fmt.Sprintf("v%d", i)).Replace("[[]].map(m, m == [A] ? [{m: m}].map(B, ") + hidden + ")[0] : 'y')[0]"
	}
	for name, text := range map[string]string{
		"maps whose keys are maps": bound("'x'", doubling...),
		"maps of maps":             bound("'x'", inserted...),
		"maps of any type":         open("{}"),
		"optional maps":            open("optional.none().orValue({})"),
		"keys of any type":         "[{1: 1}].map(v0, " + hidden + ")[0]",
		"nested loops":             strings.Repeat("[1].map(x, ", 100) + "'x'" + strings.Repeat(")", 100),
		"many loops":               strings.Repeat("[1].map(x, x) + ", 64) + "[2].map(x, x)",
		"nested lists":             strings.Repeat("[", 100) + "'x'" + strings.Repeat("]", 100) + strings.Repeat("[0]", 100),
		"nested optionals":         strings.Repeat("optional.of(", 100) + "'x'" + strings.Repeat(")", 100),
	} {
		if _, err := compile(t, "${"+text+"}", nil); err == nil || err.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", name, err, ExpressionCost)
		}
	}
	for name, text := range map[string]string{
		"a table of tables":       `{"a": {"b": {"c": {"d": 1}}}}.a.b.c.d`,
		"a chain of variables":    doubledText(15, "size(X)"),
		"as many loops as may be": strings.Repeat("[1].map(x, x) + ", 63) + "[2].map(x, x)",
		"a chain of loops":        "[1]" + strings.Repeat(".map(x, x + 1).filter(x, x > 0)", 20) + "[0]",
		"labels that may be gone": strings.Repeat(`pod.metadata.?labels.orValue({}).exists(k, k == "a") || `, 10) + "true",
		"maps made of maps":       `size({"a": "b"}` + strings.Repeat(".transformMap(k, v, v + k)", 6) + ")",
		"steps of optionals":      "optional.of(1)" + strings.Repeat(".optMap(x, x)", 20) + ".value()",
	} {
		if _, err := compile(t, "${"+text+"}", nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACallCountsWhatItTakes has calls that are cheap by CEL's own cost model, repeated as often as one
// expression allows.
func TestACallCountsWhatItTakes(t *testing.T) {
	const pattern = "a{500}|b{500}|c{500}"
	for name, text := range map[string]string{
		"characters of a long text":   doubledText(18, "string(lists.range(5000).map(i, X.size()).size())"),
		"keys of a long common start": doubledText(13, "string({X + 'a': 1, X + 'b': 2, X + 'c': 3, X + 'd': 4}.map(k, lists.range(30).map(i, {X + 'a': 1, X + 'b': 2, X + 'c': 3, X + 'd': 4}.map(k, 1))).size())"),
		"a pattern that is constant":  `string(lists.range(2000).map(i, "x".matches("` + pattern + `")).size())`,
		"a pattern that is computed":  `string(lists.range(2000).map(i, "x".find("` + pattern + `" + string(i))).size())`,
	} {
		x := mustCompile(t, "${"+text+"}", nil)
		_, _, err := x.Evaluate(activation(t), &Budget{})
		if got := (*Error)(nil); !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", name, err, ExpressionCost)
		}
	}
}

func TestDigitsOfALongTextAreNoQuantity(t *testing.T) {
	value, _, err := mustCompile(t, "${"+doubledText(18, "isQuantity(X)")+"}", schema.NewScalar(schema.Boolean)).Evaluate(activation(t), &Budget{})
	if err != nil || value != false {
		t.Errorf("isQuantity: got %v, %v, want false", value, err)
	}
	if _, _, err := mustCompile(t, "${"+doubledText(10, "string(quantity(X).isInteger())")+"}", nil).Evaluate(activation(t), &Budget{}); err == nil {
		t.Error("quantity takes a text of 2,048 digits")
	}
}

func TestATimeZoneIsAnOffset(t *testing.T) {
	for zone, want := range map[string]any{"": int64(12), "UTC": int64(12), "+02:00": int64(14), "-01:30": int64(10), "Europe/Berlin": nil, "Local": nil} {
		x := mustCompile(t, `${timestamp("2026-01-02T12:00:00Z").getHours("`+zone+`")}`, schema.NewScalar(schema.Integer))
		value, _, err := x.Evaluate(activation(t), &Budget{})
		if got := (*Error)(nil); want == nil && (!errors.As(err, &got) || got.Reason != ExpressionFailed) || want != nil && value != want {
			t.Errorf("%q: got %v, %v, want %v", zone, value, err, want)
		}
	}
}
