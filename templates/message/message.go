// Package message says how a message repeats a text that somebody else wrote: quoted or as it
// is, cut to a bearable length, and without characters that are not to be seen, steer a
// terminal or turn the direction of what people read.
package message

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestEcho is how many characters of somebody else's text a message repeats.
const longestEcho = 64

// Quote is a text quoted, without control characters, cut after 64 characters.
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

// Brief is a text of the file that a message is about, quoted, cut after 60 bytes within the quotes.
func Brief(text string) string {
	const longest = 60
	if len(text) <= longest {
		return strconv.Quote(text)
	}
	end := longest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strconv.Quote(text[:end] + "…")
}

// Bare is Brief without the quotes.
func Bare(text string) string {
	quoted := Brief(text)
	return quoted[1 : len(quoted)-1]
}

// Cut is a text of at most so many bytes, and a sign that there was more.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Word is a text as it is, where it can be told from the message around it and is short, else
// quoted and cut.
func Word(text string) string {
	if quoted := Quote(text); text == "" || len(text) > longestEcho || quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}

// List shows up to eight words.
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

// Printable is a text in which each character that is not to be seen or would steer a terminal
// or the direction of text is a blank.
func Printable(text string) string {
	if !strings.ContainsFunc(text, Unseen) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if Unseen(r) {
			return ' '
		}
		return r
	}, text)
}

// Unseen says whether a character is not printed as itself.
func Unseen(r rune) bool { return !unicode.IsPrint(r) }

// Turns says whether a character steers the direction of the text around it, so that people
// read something else than there is: the controls of Unicode's bidirectional algorithm.
func Turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }
