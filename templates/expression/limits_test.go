package expression

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// bomb holds one list a thousand times, so many levels deep.
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
