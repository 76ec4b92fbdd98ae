package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Bounds of what is told of one instance. Whoever mends that many looks again.
const (
	maxFaults = 64
	maxTexts  = 64
	// maxListed is how many names a message lists.
	maxListed = 32
	// maxShown is how much of a name a message repeats, in bytes: a valid one has at most 253.
	maxShown = 253
)

// faultList holds the different faults of one instance, the first so many of them.
type faultList struct {
	told []Fault
	// more says that there are others, so that further checks are for nothing.
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

// textList holds different notes or warnings, the first so many of them.
type textList struct {
	told []string
	more int
}

// over counts a text that finds no place, so that it need not be made.
func (l *textList) over() bool {
	if len(l.told) < maxTexts {
		return false
	}
	l.more++
	return true
}

func (l *textList) add(format string, args ...any) {
	if l.over() {
		return
	}
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.told, text) {
		l.told = append(l.told, text)
	}
}

// all are the texts, and one that says how many are not told.
func (l *textList) all(what string) []string {
	if l.more == 0 {
		return l.told
	}
	return append(slices.Clip(l.told), fmt.Sprintf("%d more %s", l.more, what))
}

// nearest is the name that was probably meant, of the first that there are: to compare takes
// long, and whoever has more names than that knows them by other means.
func nearest(name string, known []string) string {
	const compared = 128
	return message.Nearest(name, known[:min(len(known), compared)])
}

// listed joins names for a message, the first so many of them.
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
