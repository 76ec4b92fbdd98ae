package inject

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWarning is what the API server passes on of one warning, in bytes.
	maxWarning = 256
	// maxMessage is where a refusal stops listing faults, in bytes.
	maxMessage = 1024
)

// warningText makes one printable line of at most 256 bytes: the API server
// drops a warning header that holds a control character.
func warningText(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= maxWarning {
		return s
	}
	end := maxWarning - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
