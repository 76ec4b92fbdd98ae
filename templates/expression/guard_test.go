package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// doubled returns an expression that adds a list to itself the given number of times; last is the expression
// over the result, X.
func doubled(times int, last string) string {
	expression := strings.ReplaceAll(last, "X", fmt.Sprintf("a%d", times-1))
	for i := times - 1; i > 0; i-- {
		expression = fmt.Sprintf("[a%d+a%d].map(a%d,%s)[0]", i-1, i-1, i, expression)
	}
	return "${[[1,2,3]].map(a0," + expression + ")[0]}"
}

func TestEveryFunctionOfTheLanguageIsMeasured(t *testing.T) {
	for name := range theLanguage().env.Functions() {
		if slices.Contains(authorizerFunctions, name) && otherWork[name] == nil {
			continue
		}
		lists := 0
		if slices.Contains(constantWork, name) {
			lists++
		}
		if slices.Contains(accessors, name) {
			lists++
		}
		if slices.Contains(linearWork, name) {
			lists++
		}
		if otherWork[name] != nil {
			lists++
		}
		if lists != 1 {
			t.Errorf("function %s stands in %d of the lists in work.go, want 1: how much work may a call be?", name, lists)
		}
	}
}

func TestAListThatDoublesIsRefusedBeforeItIsWalked(t *testing.T) {
	for _, last := range []string{
		"string(X.sum())", "string(X.size())", "string(X.min())", "string(X.max())", "string(X.isSorted())",
		"string(X.sort().size())", "string(X.reverse().size())", "string(X.slice(0, 1).size())", "string(X == X)",
		"string(1 in X)", "string(X.map(x, x).size())", "string(X.exists(x, x == 4))", "string([X, X].size())", "string(X.distinct().size())",
		"string(X.indexOf(4))", "X.map(x, string(x)).join()", `"%s".format([X])`, "string(dyn(X).size())", "string({1: X}.size())",
		"string(X.first().value())", "string(X[0])", "string([X].flatten().size())",
	} {
		x, fault := compile(t, doubled(60, last), nil)
		if fault != nil {
			t.Errorf("%s: %s", last, fault.Message)
			continue
		}
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", last, err, ExpressionCost)
		}
	}
}

func TestTextsThatDoubleEnd(t *testing.T) {
	text := "'aaaaaaaaaaaaaaaaaaaa'"
	for range 40 {
		text = "[" + text + "].map(x, x + x)[0]"
	}
	x := mustCompile(t, "${"+text+"}", nil)
	_, _, err := x.Evaluate(activation(t), &Budget{})
	var got *Error
	if !errors.As(err, &got) || got.Reason != ExpressionCost {
		t.Errorf("got %v, want %s", err, ExpressionCost)
	}
}

func TestTextsThatAreQuotedAgainAndAgainEnd(t *testing.T) {
	for _, encode := range []string{"strings.quote(", "base64.encode(b'aaaa' + bytes("} {
		text := strings.Repeat(encode, 60) + "'\"'" + strings.Repeat(")", 60*strings.Count(encode, "("))
		x := mustCompile(t, "${"+text+"}", nil)
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", encode, err, ExpressionCost)
		}
	}
}

func TestLoopsKeepTheirValuesAndCost(t *testing.T) {
	for text, want := range map[string]any{
		"[1, 2, 3].all(x, [4, 5].exists(y, y == x + 2))":                         false,
		"[1, 2, 3].all(x, [4, 5].exists(y, y > x)) && [6].exists(z, z == 6)":     true,
		"[3, 1].map(x, [2, 4].filter(y, y > x).size()).sum()":                    int64(3),
		"[1, 2, 2].exists_one(x, x == 1) && ![1, 2, 2].exists_one(x, x == 2)":    true,
		"[[1], [2, 3]].map(l, l.map(x, x * 2).sum()).sum()":                      int64(12),
		"{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v + 1) == {'b': 3}":          true,
		"[5, 6].transformList(i, v, [i].all(j, j == i) ? i + v : 0).sum()":       int64(12),
		"[3, 1, 2].sortBy(x, -x)[0]":                                             int64(3),
		"optional.of([1, 2]).optMap(l, l.all(x, x < 3)).orValue(false)":          true,
		"[1, 2].all(x, [x].map(y, y + 1)[0] == x + 1) && [1].all(x, x + x == 2)": true,
	} {
		value, _, err := mustCompile(t, "${"+text+"}", nil).Evaluate(activation(t), &Budget{})
		if err != nil || value != want {
			t.Errorf("%s: got %v, %v, want %v", text, value, err, want)
		}
	}
	cost := func(n int) uint64 {
		var budget Budget
		x := mustCompile(t, fmt.Sprintf("${lists.range(%d).all(x, x >= 0)}", n), nil)
		if _, _, err := x.Evaluate(activation(t), &budget); err != nil {
			t.Fatal(err)
		}
		return budget.Spent()
	}
	if each := cost(101) - cost(100); each < 4 || (cost(4100)-cost(100))/4000 != each {
		t.Errorf("an element of a hundred costs %d units, one of four thousand %d; want the same", each, (cost(4100)-cost(100))/4000)
	}
}

func TestProductsAreCountedBeforeTheyAreMade(t *testing.T) {
	for _, text := range []string{
		"${string(sets.intersects(lists.range(2000), lists.range(2000)))}",
		"${string(sets.contains(lists.range(2000), lists.range(2000)))}",
		"${string(lists.range(2000).distinct().size())}",
		`${string("` + strings.Repeat("a", 4000) + `".replace("a", "aaaaaaaaaa").indexOf("` + strings.Repeat("a", 2000) + `b"))}`,
	} {
		x, fault := compile(t, text, nil)
		if fault != nil {
			t.Errorf("%.60s: %s", text, fault.Message)
			continue
		}
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%.60s: got %v, want %s", text, err, ExpressionCost)
		}
	}
}

func TestARegularExpressionIsMeasuredBeforeItIsCompiled(t *testing.T) {
	bomb := strings.Repeat("a{0,1000}", 100)
	for _, function := range []string{"matches", "find", "findAll"} {
		_, fault := compile(t, `${string("aab".`+function+`("`+bomb+`") == "aab".`+function+`("b"))}`, nil)
		if fault == nil || fault.Reason != ExpressionCost {
			t.Errorf("%s of a constant: got %v, want %s when it is compiled", function, fault, ExpressionCost)
		}
		x := mustCompile(t, `${string("aab".`+function+`("`+bomb+`" + instance) == "aab".`+function+`("b"))}`, nil)
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s of a computed pattern: got %v, want %s", function, err, ExpressionCost)
		}
	}
	for pattern, want := range map[string]bool{
		`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`: false,
		`[0-9]{1,3}(\.[0-9]{1,3}){3}`:    false,
		`\pL{1,100}`:                     false,
		`(a{1000}){9}`:                   false,
		`a)(b`:                           false, // not a regular expression: compiling reports it
		`(a{1,30}b{1,30}){1,30}`:         false,
		`a{0,1000}a{0,1000}a{0,1000}`:    true,
		strings.Repeat("a", 2000):        true,
		strings.Repeat(`[\pL\pN]?`, 50):  false,
		strings.Repeat(`\pL{0,200}`, 50): true,
	} {
		if got := PatternTooLarge(pattern); got != want {
			t.Errorf("PatternTooLarge(%.40q) = %v, want %v", pattern, got, want)
		}
	}
}

func TestAChainOfOptionalsGrowsWithItsLength(t *testing.T) {
	for _, macro := range []string{".optMap(x, x)", ".optFlatMap(x, optional.of(x))"} {
		text := "${optional.of(1)" + strings.Repeat(macro, 30) + ".orValue(0)}"
		value, _, err := mustCompile(t, text, nil).Evaluate(activation(t), &Budget{})
		if err != nil || value != int64(1) {
			t.Errorf("30 times %s: got %v, %v, want 1", macro, value, err)
		}
	}
	for text, want := range map[string]any{
		`${optional.none().optMap(x, x + 1).orValue(7)}`:                                                   int64(7),
		`${optional.of(2).optMap(x, optional.of(x + 1).optMap(y, x * y)).orValue(optional.of(0)).value()}`: int64(6),
		`${optional.of(2).optFlatMap(x, x > 1 ? optional.of(x) : optional.none()).orValue(7)}`:             int64(2),
		`${optional.of(1).optFlatMap(x, x > 1 ? optional.of(x) : optional.none()).orValue(7)}`:             int64(7),
		`${pod.spec.?nodeName.optMap(n, n.size()).orValue(7)}`:                                             int64(7),
	} {
		value, _, err := mustCompile(t, text, schema.NewScalar(schema.Integer)).Evaluate(activation(t), &Budget{})
		if err != nil || value != want {
			t.Errorf("%s: got %v, %v, want %v", text, value, err, want)
		}
	}
}

func TestAQuantityThatNeverEndsIsRefused(t *testing.T) {
	for _, text := range []string{
		`${string(quantity("1e999999999").isGreaterThan(quantity("1")))}`,
		`${string(quantity("1e-999999" + "999").add(quantity("1")))}`,
		`${string(isQuantity("1e999999999"))}`,
	} {
		x, fault := compile(t, text, nil)
		if fault != nil {
			continue // refused when it is compiled
		}
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ExpressionCost {
			t.Errorf("%s: got %v, want %s", text, err, ExpressionCost)
		}
	}
	for text, want := range map[string]any{`${isQuantity("x")}`: false, `${isQuantity("5Gi")}`: true, `${quantity("1E").isGreaterThan(quantity("1P"))}`: true} {
		value, _, err := mustCompile(t, text, schema.NewScalar(schema.Boolean)).Evaluate(activation(t), &Budget{})
		if err != nil || value != want {
			t.Errorf("%s: got %v, %v, want %v", text, value, err, want)
		}
	}
}

func TestAConstantPatternStillMatches(t *testing.T) {
	for text, want := range map[string]any{
		`${"a1b2".matches("[0-9]")}`:                        true,
		`${"a1b2".matches("^[0-9]+$")}`:                     false,
		`${matches(params.text, "^hel+o$")}`:                true,
		`${"a1b22".findAll("[0-9]+").size() == 2}`:          true,
		`${(["a"] + ["b"] + [params.text]).size() == 3}`:    true,
		`${dyn("x") + dyn("y") == "xy"}`:                    true,
		`${[1, 2, 3].map(i, [i, i]).flatten().sum() == 12}`: true,
	} {
		value, _, err := mustCompile(t, text, schema.NewScalar(schema.Boolean)).Evaluate(activation(t), &Budget{})
		if err != nil || value != want {
			t.Errorf("%s: got %v, %v, want %v", text, value, err, want)
		}
	}
}

func TestAComprehensionWalksAMapByItsKeys(t *testing.T) {
	const entries = `{"d": "4", "a": "1", "c": "3", "b": "2", "e": "5"}`
	for text, want := range map[string]string{
		"${" + entries + `.map(k, k).join(",")}`:                                    "a,b,c,d,e",
		"${" + entries + `.transformList(k, v, k + v).join(",")}`:                   "a1,b2,c3,d4,e5",
		"${" + entries + `.filter(k, k != "b").join(",")}`:                          "a,c,d,e",
		`${pod.metadata.labels.map(k, k + "=" + pod.metadata.labels[k]).join(",")}`: "a/b=c,app=web",
		`${dyn(` + entries + `).map(k, string(k)).join(",")}`:                       "a,b,c,d,e",
		`${{10: "x", 9: "y", 1: "z"}.map(k, string(k)).join(",")}`:                  "1,9,10",
		"${" + entries + `.transformMap(k, v, v + v).map(k, k).join(",")}`:          "a,b,c,d,e",
	} {
		x := mustCompile(t, text, schema.NewScalar(schema.String))
		for range 20 {
			value, _, err := x.Evaluate(activation(t), &Budget{})
			if err != nil || value != want {
				t.Fatalf("%s: got %v, %v, want %s", text, value, err, want)
			}
		}
	}
}

func TestAnElementHasTheTypeOfItsList(t *testing.T) {
	environment := NewCompiler().Environment(parameters)
	scan := func(text string) Text {
		scanned, fault := Scan(text)
		if fault != nil {
			t.Fatal(fault)
		}
		return scanned
	}
	text := schema.NewScalar(schema.String)
	for _, c := range []struct{ list, item, fault string }{
		{"${params.list}", "${each}", ""},
		{"${params.list}", "${each + string(eachIndex)}", ""},
		{"${params.list}", "${each.name}", `a string has no field "name"`},
		{"${pod.spec.volumes}", "${each.name}", ""},
		{"${pod.spec.volumes}", "${each.?persistentVolumeClaim.?claimName.orValue('')}", ""},
		{"${pod.spec.volumes}", "${each.nme}", `field "nme" is unknown in core/v1.Volume`},
		{"${pod.spec.volumes}", "${each.nme + 'x'}", `field "nme" is unknown in core/v1.Volume`},
		{"${pod.spec.volumes}", "${each}", "want a string, got a core/v1.Volume"},
		{"${pod.spec.containers.filter(c, has(c.args))}", "${each.image}", ""},
		{"${pod.metadata.labels}", "${each.key}=${each.value}", ""},
		{"${[1, 2]}", "${each + 1}", ""},
		{"${[1, 2]}", "${each + 'x'}", "operator + cannot take (int, string)"},
		{"${[dyn(1), dyn('x')]}", "${each}", ""},
	} {
		_, within, fault := environment.CompileList(scan(c.list))
		if fault != nil {
			t.Errorf("%s: %s", c.list, fault.Message)
			continue
		}
		_, fault = within.Compile(scan(c.item), text)
		switch {
		case fault == nil && c.fault != "":
			t.Errorf("%s in %s: no fault, want %s", c.item, c.list, c.fault)
		case fault != nil && fault.Message != c.fault:
			t.Errorf("%s in %s: got %s, want %q", c.item, c.list, fault.Message, c.fault)
		}
	}
	for _, list := range []string{"${params.text}", "${pod}", "${[[1]]}", "x${params.list}", "${1}"} {
		if _, _, fault := environment.CompileList(scan(list)); fault == nil || fault.Reason != ExpressionType {
			t.Errorf("%s: got %v, want %s", list, fault, ExpressionType)
		}
	}
	if _, fault := environment.Compile(scan("${each}"), text); fault == nil || fault.Reason != UnknownVariable {
		t.Errorf("each outside of an item: got %v", fault)
	}
	if _, fault := environment.Compile(scan("${string(eachIndex)}"), text); fault == nil || fault.Reason != UnknownVariable {
		t.Errorf("eachIndex outside of an item: got %v", fault)
	}
}

func TestAReferenceInAnElementStays(t *testing.T) {
	environment := NewCompiler().Environment(parameters)
	list, _ := Scan("${pod.metadata.labels}")
	_, within, fault := environment.CompileList(list)
	if fault != nil {
		t.Fatal(fault)
	}
	item, _ := Scan(`${each.value + "!"}`)
	x, fault := within.Compile(item, schema.NewScalar(schema.String))
	if fault != nil {
		t.Fatal(fault)
	}
	in := activation(t)
	in.Each = map[string]any{"key": "a", "value": "$(NAME)"}
	if value, _, err := x.Evaluate(in, &Budget{}); err != nil || value != "$(NAME)!" {
		t.Errorf("got %v, %v", value, err)
	}
}
