package markdown

import (
	"strings"
	"testing"
)

func TestABlockIsReplacedAndTheRestStays(t *testing.T) {
	const text = "# Title\n<!-- load: begin -->\nold\n<!-- load: end -->\ntail\n<!-- other: begin -->\n<!-- other: end -->\n"
	const want = "# Title\n<!-- load: begin -->\n\nnew\n\n<!-- load: end -->\ntail\n<!-- other: begin -->\n<!-- other: end -->\n"
	once, err := replaceBlock(text, "load", "\nnew\n")
	if err != nil {
		t.Fatal(err)
	}
	twice, err := replaceBlock(once, "load", "new")
	if err != nil {
		t.Fatal(err)
	}
	if once != want || twice != want {
		t.Errorf("got\n%s\nand, written again,\n%s\nwant\n%s", once, twice, want)
	}
}

func TestAPageWithoutTheWholeBlockOnceIsNotWritten(t *testing.T) {
	for name, text := range map[string]string{
		"no block":              "# Title\n",
		"no end":                "<!-- load: begin -->\nold\n",
		"the end first":         "<!-- load: end -->\n<!-- load: begin -->\n",
		"the block twice":       strings.Repeat("<!-- load: begin -->\n<!-- load: end -->\n", 2),
		"another block's":       "<!-- simulate: begin -->\n<!-- simulate: end -->\n",
		"a marker within lines": "x <!-- load: begin --> y <!-- load: end -->\n",
	} {
		if changed, err := replaceBlock(text, "load", "new"); err == nil {
			t.Errorf("%s: written as %q", name, changed)
		}
	}
}
