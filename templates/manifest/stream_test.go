package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// places returns the documents of a text: the place of each value, and its JSON.
func places(t *testing.T, text string) string {
	t.Helper()
	stream, err := Parse("f", []byte(text))
	if err != nil {
		return err.Error()
	}
	var b, all strings.Builder
	for _, d := range stream.Documents {
		all.Write(d.Text)
		if d.Root != nil {
			fmt.Fprintf(&b, "%d:%d %s\n", d.Root.Line, d.Root.Column, d.JSON())
		}
	}
	if all.String() != text {
		t.Errorf("the documents are %q, not %q", all.String(), text)
	}
	return b.String()
}

func TestJSONTextsOneAfterTheOtherAreDocuments(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"on lines of their own":      {"{\"a\":1}\n{\"b\":2}\n", "1:1 {\"a\":1}\n2:1 {\"b\":2}\n"},
		"on one line":                {"{\"ä\":1} {\"b\":2}{\"c\":\n3}{\"d\":4}", "1:1 {\"ä\":1}\n1:9 {\"b\":2}\n1:16 {\"c\":3}\n2:3 {\"d\":4}\n"},
		"of several lines":           {"{\n  \"a\": 1\n}\n\n{\n  \"b\": 2\n}\n", "1:1 {\"a\":1}\n5:1 {\"b\":2}\n"},
		"after a document marker":    {"---\n{\"a\":1}\n{\"b\":2}\n---\nc: 3\n", "2:1 {\"a\":1}\n3:1 {\"b\":2}\n5:1 {\"c\":3}\n"},
		"with byte order marks":      {"\ufeff{\"a\":1}\n\ufeff{\"b\":2}\n", "1:1 {\"a\":1}\n2:1 {\"b\":2}\n"},
		"a fault in the second":      {"{\"a\":1}\n{\"b\":2,\n \"b\":3}", "f:3:2: key \"b\" is already set on line 2"},
		"a fault behind another":     {"{\"a\":1}{\"b\":2,\"b\":3}", "f:1:15: key \"b\" is already set on line 1"},
		"YAML's braces are no JSON":  {"{a: 1}\n", "1:1 {\"a\":1}\n"},
		"text behind is none either": {"{\"a\":1}\nb: 2\n", "f:2: YAML: did not find expected <document start>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := places(t, test.text); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestByteOrderMarksBeforeADocumentCountForNothing(t *testing.T) {
	const m = byteOrderMark
	tests := map[string]struct{ text, want string }{
		"the first":            {m + "a: 1\n", "1:1 {\"a\":1}\n"},
		"before a marker":      {m + "---\na: 1\n" + m + "---\nb: 2\n", "2:1 {\"a\":1}\n4:1 {\"b\":2}\n"},
		"behind a marker":      {"---\n" + m + "a: 1\n---\n" + m + "  b: 2\n", "2:1 {\"a\":1}\n4:3 {\"b\":2}\n"},
		"behind a comment":     {"a: 1\n---\n# c\n" + m + "b: 2\n", "1:1 {\"a\":1}\n4:1 {\"b\":2}\n"},
		"behind an end":        {"a: 1\n...\n" + m + "b: 2\n", "1:1 {\"a\":1}\n3:1 {\"b\":2}\n"},
		"two of them":          {m + m + "a: 1\n", "1:1 {\"a\":1}\n"},
		"before a directive":   {m + "%YAML 1.1\n---\na: 1\n", "3:1 {\"a\":1}\n"},
		"alone":                {m + "\n---\n" + m, ""},
		"in a value it counts": {"a: |\n  x\n  " + m + "y\n", "1:1 {\"a\":\"x\\n" + m + "y\\n\"}\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := places(t, test.text); got != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}
