package templates

import (
	"strconv"
	"unicode/utf8"
)

// maxEcho is how many characters of somebody else's text a message repeats.
const maxEcho = 64

// Quote is text as a message may repeat it: quoted, without control characters,
// cut after 64 characters.
func Quote(text string) string {
	n := 0
	for i := range text {
		if n == maxEcho {
			return strconv.Quote(text[:i]) + "…"
		}
		n++
	}
	if utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	return strconv.QuoteToASCII(text)
}
