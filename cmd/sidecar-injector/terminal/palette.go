// Package terminal makes text fit for people's terminals: colours, columns, names and
// commands in which a stranger's text cannot do anything.
package terminal

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/fatih/color"
)

// Palette colours what goes to one stream, or leaves it plain, as the zero value does.
type Palette struct{ On bool }

// Bold makes a text bold.
func (p Palette) Bold(text string) string { return p.paint(text, color.Bold) }

// Faint makes a text paler than what is around it.
func (p Palette) Faint(text string) string { return p.paint(text, color.Faint) }

// Red is the colour of failures and refusals.
func (p Palette) Red(text string) string { return p.paint(text, color.FgRed) }

// Green is the colour of what is as it should be.
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
	c.EnableColor() // the library looks at the environment by itself; whoever made the palette has decided already
	return c.Sprint(text)
}

// colours are what a palette writes; any other control character comes from outside.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Printable replaces the control characters of a text for people: names in a manifest may
// hold what would move a terminal's cursor. Line breaks and the palette's colours stay.
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

// plain replaces every control character.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if strange(r) {
			return '?'
		}
		return r
	}, text)
}

func strange(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
