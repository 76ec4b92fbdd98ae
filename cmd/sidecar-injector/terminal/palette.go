// Package terminal formats text for terminals: colours, columns, and names and commands that contain
// untrusted text.
package terminal

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/fatih/color"
)

// Palette colours the text for one stream if On is set; the zero value leaves it plain.
type Palette struct{ On bool }

// Bold makes a text bold.
func (p Palette) Bold(text string) string { return p.paint(text, color.Bold) }

// Faint makes a text paler than its surroundings.
func (p Palette) Faint(text string) string { return p.paint(text, color.Faint) }

// Red is the colour of failures and refusals.
func (p Palette) Red(text string) string { return p.paint(text, color.FgRed) }

// Green is the colour of success.
func (p Palette) Green(text string) string { return p.paint(text, color.FgGreen) }

// Yellow is the colour of warnings.
func (p Palette) Yellow(text string) string { return p.paint(text, color.FgYellow) }

// Cyan is the colour of names and commands.
func (p Palette) Cyan(text string) string { return p.paint(text, color.FgCyan) }

func (p Palette) paint(text string, attribute color.Attribute) string {
	if !p.On || text == "" {
		return text
	}
	c := color.New(attribute)
	c.EnableColor() // overrides the library's own check of the environment
	return c.Sprint(text)
}

// colours matches the escape sequences of a palette; any other control character comes from input.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Printable replaces control characters, which names in a manifest may contain and which could move a
// terminal's cursor. Line breaks, tabs and, if p.On is set, colours are kept.
func (p Palette) Printable(text string) string {
	if !strings.ContainsFunc(text, strange) {
		return text
	}
	var b strings.Builder
	for text != "" {
		end := len(text)
		at := colours.FindStringIndex(text)
		if p.On && at != nil {
			end = at[0]
		}
		b.WriteString(plain(text[:end]))
		text = text[end:]
		if text != "" {
			b.WriteString(text[:at[1]-at[0]])
			text = text[at[1]-at[0]:]
		}
	}
	return b.String()
}

// plain replaces every strange character by a question mark.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if strange(r) {
			return '?'
		}
		return r
	}, text)
}

func strange(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
