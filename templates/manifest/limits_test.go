package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func laughs(levels, width int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 lol\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), width), ","))
	}
	return b.String()
}

func TestLimitsAreKeptWithAPlace(t *testing.T) {
	small := "apiVersion: v1\nkind: ConfigMap\ndata: {a: " + strings.Repeat("x", 10_000) + "}\n---\n"
	for name, test := range map[string]struct{ text, want string }{
		"a billion laughs":                      {laughs(9, 9), "big.yaml:7:10: aliases make more than 100000 values of the document"},
		"laughs by merge keys":                  {merges(12), "big.yaml:9:"},
		"one long text many times":              {"a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 100) + "]\n", "big.yaml:2:89: aliases make more than 31457280 bytes of the document"},
		"as many aliases as values are allowed": {"a: &a [x]\nb: [" + strings.Repeat("*a,", 40_000) + "]\n", ""},
		"a document of 10 MB":                   {"a: b\n---\na: " + strings.Repeat("x", 10_000_000), "big.yaml:2: document has 10000007 bytes, over the limit of 3145728 (3 MiB)"},
		"a stream of 10 MB":                     {strings.Repeat(small, 1000), ""},
		"deep brackets":                         {"a: " + strings.Repeat("[", 600) + strings.Repeat("]", 600), "big.yaml:1:503: value is nested more than 500 levels deep"},
		"very deep brackets":                    {strings.Repeat("[", 1<<20), "big.yaml:1: YAML: exceeded max depth of 10000"},
		"deep by aliases":                       {deepAliases(60), "big.yaml:51:21: value is nested more than 500 levels deep"},
		"two hundred directives":                {"# x\n" + strings.Repeat("%TAG !a! tag:x,2000:\n", 200) + "---\na: b\n", "big.yaml:1: YAML: the document has 200 directives (lines that begin with %), at most 100 are allowed"},
		"two directives":                        {"%YAML 1.1\n%TAG !a! tag:x,2000:\n---\na: b\n", ""},
		"dashes":                                {strings.Repeat("- ", 1<<20), "big.yaml:1: YAML: exceeded max depth of 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("big.yaml", []byte(test.text))
			if test.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no error", err)
				}
				return
			}
			var fault *Error
			if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// merges returns mappings each of which merges the one before twice.
func merges(levels int) string {
	var b strings.Builder
	b.WriteString("m0: &m0 {" + strings.Repeat("k", 10) + ": v}\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "m%d: &m%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d,", i-1), 4), ","))
	}
	return b.String()
}

// deepAliases nests ten levels below an alias of each previous value.
func deepAliases(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 x\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d %s*a%d %s\n", i, i, strings.Repeat("[", 10), i-1, strings.Repeat("]", 10))
	}
	return b.String()
}
