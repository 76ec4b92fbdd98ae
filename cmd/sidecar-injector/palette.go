package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"
)

// palette colours what goes to one stream, or leaves it plain.
type palette struct{ on bool }

// newPalette heeds --color: always, never, or auto, which colours what a person
// reads on a terminal and nothing under CI.
func newPalette(choice string, out io.Writer, getenv func(string) string) (palette, error) {
	switch choice {
	case "always":
		return palette{on: true}, nil
	case "never":
		return palette{}, nil
	case "auto":
		return palette{on: isTerminal(out) && getenv("NO_COLOR") == "" && getenv("CI") == "" && getenv("TERM") != "dumb"}, nil
	}
	return palette{}, fmt.Errorf("--color %q: want auto, always or never", choice)
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

func (p palette) bold(text string) string   { return p.paint(text, color.Bold) }
func (p palette) faint(text string) string  { return p.paint(text, color.Faint) }
func (p palette) red(text string) string    { return p.paint(text, color.FgRed) }
func (p palette) green(text string) string  { return p.paint(text, color.FgGreen) }
func (p palette) yellow(text string) string { return p.paint(text, color.FgYellow) }
func (p palette) cyan(text string) string   { return p.paint(text, color.FgCyan) }

func (p palette) paint(text string, attribute color.Attribute) string {
	if !p.on || text == "" {
		return text
	}
	c := color.New(attribute)
	c.EnableColor() // whatever the library makes of the environment: that has been heeded
	return c.Sprint(text)
}

// colours are what a palette writes; any other control character comes from outside.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// printable takes control characters out of a text for people: names in a manifest may
// hold what would move a terminal's cursor. Line breaks and the palette's colours stay.
func (p palette) printable(text string) string {
	if !strings.ContainsFunc(text, strange) {
		return text
	}
	var b strings.Builder
	for text != "" {
		end := len(text)
		at := colours.FindStringIndex(text)
		if p.on && at != nil {
			end = at[0]
		}
		b.WriteString(strings.Map(func(r rune) rune {
			if strange(r) {
				return '?'
			}
			return r
		}, text[:end]))
		text = text[end:]
		if text != "" {
			b.WriteString(text[:at[1]-at[0]])
			text = text[at[1]-at[0]:]
		}
	}
	return b.String()
}

func strange(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
