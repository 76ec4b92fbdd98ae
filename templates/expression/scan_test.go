package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanSplitsATextIntoLiteralsAndExpressions(t *testing.T) {
	literal := func(offset int, text string) Part { return Part{Offset: offset, Text: text} }
	cel := func(offset int, text string) Part { return Part{Offset: offset, Text: text, Expression: true} }
	for text, want := range map[string][]Part{
		"":                        nil,
		"plain":                   {literal(0, "plain")},
		"${a}":                    {cel(2, "a")},
		"a-${b}-c":                {literal(0, "a-"), cel(4, "b"), literal(6, "-c")},
		"${a}${b}":                {cel(2, "a"), cel(6, "b")},
		"$(POD_IP) costs $5 $":    {literal(0, "$(POD_IP) costs $5 $")},
		"$${HOME}":                {literal(0, "${HOME}")},
		"$$${HOME}":               {literal(0, "$${HOME}")},
		"a$${b}${c}":              {literal(0, "a${b}"), cel(8, "c")},
		"}{":                      {literal(0, "}{")},
		"${{'a': {'b': 1}}}":      {cel(2, "{'a': {'b': 1}}")},
		`${"}"}`:                  {cel(2, `"}"`)},
		`${'}' + "\"}"}`:          {cel(2, `'}' + "\"}"`)},
		`${r"\"}`:                 {cel(2, `r"\"`)},
		`${R'\'}x`:                {cel(2, `R'\'`), literal(7, "x")},
		`${br"\"}`:                {cel(2, `br"\"`)},
		`${b"}\""}`:               {cel(2, `b"}\""`)},
		`${xr"\""}`:               {cel(2, `xr"\""`)},
		"${\"\"\"}\n\"\"\"}":      {cel(2, "\"\"\"}\n\"\"\"")},
		"${r'''\\}'''}":           {cel(2, "r'''\\}'''")},
		`${""}`:                   {cel(2, `""`)},
		"${a // }\n + b}":         {cel(2, "a // }\n + b")},
		`${"// no comment"}`:      {cel(2, `"// no comment"`)},
		"${é}":                    {cel(2, "é")},
		"ä${a}":                   {literal(0, "ä"), cel(4, "a")},
		`${params.x == '' ? 1:2}`: {cel(2, `params.x == '' ? 1:2`)},
	} {
		got, err := Scan(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.Parts); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestAnUnclosedExpressionIsReportedWhereItOpens(t *testing.T) {
	for text, offset := range map[string]int{
		"${":               0,
		"a${b":             1,
		"${a}-${b":         5,
		"${{}":             0,
		`${"abc}`:          2,
		"${'abc\n'}":       2,
		`${"\"}`:           2,
		"${a // comment }": 0,
		`${"""a"}`:         2,
	} {
		_, err := Scan(text)
		if err == nil || err.Reason != UnclosedExpression || err.Offset != offset {
			t.Errorf("%q: got %+v, want %s at %d", text, err, UnclosedExpression, offset)
		}
	}
}

// join is the inverse of Scan.
func join(text Text) string {
	var b strings.Builder
	for _, p := range text.Parts {
		if p.Expression {
			b.WriteString("${" + p.Text + "}")
			continue
		}
		b.WriteString(strings.ReplaceAll(p.Text, "${", "$${"))
	}
	return b.String()
}

func FuzzScanLosesNothing(f *testing.F) {
	for _, seed := range []string{"", "a${b}c", "$${x}", `${"}"}`, "${r'\\'}", "$$${a}", "${a // }\n}", "${'''\n'''}", "${{}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scanned, err := Scan(text)
		if err != nil {
			if err.Offset < 0 || err.Offset >= len(text) {
				t.Fatalf("offset %d is outside the text", err.Offset)
			}
			return
		}
		if got := join(scanned); got != text {
			t.Fatalf("the parts make %q of %q", got, text)
		}
		before := false
		for _, p := range scanned.Parts {
			if !p.Expression && (p.Text == "" || before) {
				t.Fatalf("%q has an empty literal or two in a row: %+v", text, scanned.Parts)
			}
			before = !p.Expression
			if p.Expression && text[p.Offset:p.Offset+len(p.Text)] != p.Text {
				t.Fatalf("offset %d is not that of %q", p.Offset, p.Text)
			}
		}
	})
}
