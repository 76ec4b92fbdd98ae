package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Bounds on the faults and texts of one instance. An author who has to fix that many will run it again.
const (
	maxFaults = 64
	maxTexts  = 64
	// maxListed is how many names a message lists.
	maxListed = 32
	// maxShown is the longest name, in bytes, that a message repeats in full: a valid one has at most 253.
	maxShown = 253
)

// faultList holds the distinct faults of one instance, at most maxFaults of them.
type faultList struct {
	told []Fault
	// more is set if there are others, so that further checks are pointless.
	more bool
}

func (l *faultList) add(faults ...Fault) {
	for _, f := range faults {
		switch {
		case l.more:
			return
		case slices.Contains(l.told, f):
		case len(l.told) == maxFaults:
			l.more = true
		default:
			l.told = append(l.told, f)
		}
	}
}

// textList holds distinct notes or warnings, at most maxTexts of them.
type textList struct {
	told []string
	more int
}

// over reports whether the list is full, and then counts the text, so that it need not be formatted.
func (l *textList) over() bool {
	if len(l.told) < maxTexts {
		return false
	}
	l.more++
	return true
}

func (l *textList) add(format string, args ...any) {
	if !l.over() {
		l.keep(fmt.Sprintf(format, args...))
	}
}

// keep adds a text as it is. The caller has asked over.
func (l *textList) keep(text string) {
	if !slices.Contains(l.told, text) {
		l.told = append(l.told, text)
	}
}

// all returns the texts, plus one that says how many were dropped.
func (l *textList) all(what string) []string {
	if l.more == 0 {
		return l.told
	}
	return append(slices.Clip(l.told), fmt.Sprintf("%d more %s", l.more, what))
}

// nearest returns the known name that was probably meant, or "". It compares with the first 128 names only,
// because comparing takes long.
func nearest(name string, known []string) string {
	const compared = 128
	return message.Nearest(name, known[:min(len(known), compared)])
}

// listed joins at most maxListed names for a message.
func listed(names []string) string {
	shown := names[:min(len(names), maxListed)]
	if slices.ContainsFunc(shown, func(name string) bool { return len(name) > maxShown }) {
		shown = slices.Clone(shown)
		for i, name := range shown {
			shown[i] = Shorten(name, maxShown)
		}
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
