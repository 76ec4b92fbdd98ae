package inject

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

const (
	// maxWarning is what the API server passes on of one warning, in bytes.
	maxWarning = 256
	// maxWarnings bounds how many a pod can cause; the API server passes on 4,096 bytes.
	maxWarnings = 16
	// maxCauses is how many faults a refusal lists one by one; each has at most maxMessage bytes.
	maxCauses = 64
	// maxMessage is where a refusal stops listing faults, in bytes.
	maxMessage = 1024
)

// printable makes all texts of a result such that nothing in them steers what shows them: names
// and values of the pod stand in them, some without quotes.
func (r *Result) printable() {
	r.Detail = message.Printable(r.Detail)
	for i := range r.Faults {
		f := &r.Faults[i]
		f.Place, f.Message, f.Fix = message.Printable(f.Place), message.Printable(f.Message), message.Printable(f.Fix)
	}
	for i := range r.Instances {
		in := &r.Instances[i]
		in.Detail = message.Printable(in.Detail)
		for j, note := range in.Notes {
			in.Notes[j] = message.Printable(note)
		}
		for j, text := range in.Apart {
			in.Apart[j] = message.Printable(text)
		}
	}
}

// WarningText makes one printable line of at most 256 bytes: the API server
// drops a warning header that holds a control character.
func WarningText(s string) string { return OneLine(s, maxWarning) }

// OneLine makes one printable line of at most limit bytes.
func OneLine(s string, limit int) string {
	if most := 4 * (limit + 1); len(s) > most { // a character has four bytes at most, and gives one at least
		s = s[:most]
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return Shorten(s, limit)
}

// Shorten cuts a text to at most limit bytes, at a character's border.
func Shorten(s string, limit int) string {
	const more = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
