package templates

import "testing"

func TestTheFirstSentenceOfADescription(t *testing.T) {
	for text, want := range map[string]string{
		"Name of a thing":                       "Name of a thing",
		"Name of a thing. It has to exist.":     "Name of a thing",
		"Name, e.g. of the thing. It is there.": "Name, e.g. of the thing",
		"":                                      "",
	} {
		if got := firstSentence(text); got != want {
			t.Errorf("of %q it is %q", text, got)
		}
	}
}
