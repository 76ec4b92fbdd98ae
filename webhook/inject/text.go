package inject

import (
	"strings"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

const (
	// maxWarning is the API server's limit for one warning, in bytes.
	maxWarning = 256
	// maxWarnings is the largest number of warnings for one pod; the API server truncates all together at
	// 4,096 bytes.
	maxWarnings = 16
	// maxCauses is how many faults a refusal lists one by one; each has at most maxMessage bytes.
	maxCauses = 64
	// maxMessage is the length in bytes at which a refusal stops listing faults.
	maxMessage = 1024
)

// printable replaces control characters in all texts of a result, because they contain names and values of
// the pod, some unquoted, and could send escape sequences to a terminal.
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

// WarningText returns s as one printable line of at most 256 bytes. The API server drops a warning that
// contains a control character.
func WarningText(s string) string { return OneLine(s, maxWarning) }

// OneLine returns s as one printable line of at most limit bytes. Unprintable characters become spaces,
// invalid UTF-8 becomes "?".
func OneLine(s string, limit int) string {
	if most := 4 * (limit + 1); len(s) > most { // a character has at most four bytes, and results in at least one
		s = s[:most]
	}
	return Shorten(message.Printable(strings.ToValidUTF8(s, "?")), limit)
}

// Shorten truncates s to at most limit bytes, at a character boundary, and ends it with "…".
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
