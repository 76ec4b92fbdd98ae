// Package message formats texts from other sources for use in messages: quoted or not, cut to a maximum
// length, and without invisible characters or characters that control a terminal or change the direction of
// text.
package message

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestEcho is the maximum number of characters of such a text in a message.
const longestEcho = 64

// Quote returns a text quoted, with control characters escaped, cut after 64 characters.
func Quote(text string) string {
	n := 0
	for i := range text {
		if n == longestEcho {
			return strconv.Quote(text[:i]) + "…"
		}
		n++
	}
	if utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	return strconv.QuoteToASCII(text)
}

// Brief returns a text quoted and cut after 60 bytes within the quotes, for text of the file that a message
// is about.
func Brief(text string) string {
	return strconv.Quote(Cut(text, 60))
}

// Bare is Brief without the quotes.
func Bare(text string) string {
	quoted := Brief(text)
	return quoted[1 : len(quoted)-1]
}

// Cut returns at most limit bytes of a text, followed by … if it was longer.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Word returns a short text unchanged if it needs no quoting, else quoted and cut.
func Word(text string) string {
	if quoted := Quote(text); text == "" || len(text) > longestEcho || quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}

// List joins up to eight words; the rest are counted.
func List(all []string) string {
	const most = 8
	words := make([]string, 0, most)
	for i, word := range all {
		if i == most {
			return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", len(all)-most)
		}
		words = append(words, Word(word))
	}
	return strings.Join(words, ", ")
}

// Article puts a or an before a noun, unless it begins with any or the.
func Article(noun string) string {
	switch {
	case noun == "", strings.HasPrefix(noun, "any "), strings.HasPrefix(noun, "the "):
		return noun
	case strings.ContainsRune("aeiouAEIO", rune(noun[0])):
		return "an " + noun
	}
	return "a " + noun
}

// Printable replaces each character that is invisible, controls a terminal or changes the direction of text
// by a blank.
func Printable(text string) string {
	if plain(text) || !strings.ContainsFunc(text, Unseen) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if Unseen(r) {
			return ' '
		}
		return r
	}, text)
}

// plain reports whether all characters are printable ASCII, as those of nearly every text are.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// Unseen reports whether a character is not printable.
func Unseen(r rune) bool { return !unicode.IsPrint(r) }

// Turns reports whether a character is one of the controls of Unicode's bidirectional algorithm, which can
// make text display in another order than it is read by programs.
func Turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }
