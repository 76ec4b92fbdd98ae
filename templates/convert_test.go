package templates

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzBindList checks that the text of a list is read as the same list.
func FuzzBindList(f *testing.F) {
	for _, text := range []string{"a,b", ` [ "a,b" ] `, "[", "a, ,b", `["[a"]`, ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // not possible in an annotation
		}
		items, fault := convertList(text)
		if fault != nil {
			return
		}
		written := listText(items.([]any))
		again, fault := convertList(written)
		if fault != nil {
			t.Fatalf("%q became %q: %s", text, written, fault.Message)
		}
		if diff := cmp.Diff(items, again); diff != "" {
			t.Fatalf("%q became %q:\n%s", text, written, diff)
		}
	})
}
