package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The cells of a terminal, in pixels.
const (
	cellWidth  = 8
	cellHeight = 18
	cellFont   = 13
	margin     = 16
)

// attributes returns the CSS class of each SGR number that the commands' palette uses.
func attributes() map[string]string {
	return map[string]string{"1": "bold", "2": "faint", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
}

var escapes = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// screen draws a command and its output.
func screen(command, text string) []byte {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = slices.Concat([]string{"\x1b[2m$\x1b[0m " + command, ""}, lines)
	widest := 0
	var p picture
	var on []string
	for i, line := range lines {
		column, y := 0, margin+cellHeight*i+cellFont
		for _, s := range spans(line, &on) {
			width := utf8.RuneCountInString(s.text)
			if strings.TrimSpace(s.text) != "" {
				// textLength is set because the reader's font may be wider than a cell.
				p.add(`<text class="mono%s" font-size="%d" x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`,
					class(s.on), cellFont, margin+cellWidth*column, y, cellWidth*width, escape(s.text))
			}
			column += width
		}
		widest = max(widest, column)
	}
	return p.finish(2*margin+cellWidth*widest, 2*margin+cellHeight*len(lines), "sidecar-injector on a terminal: "+command)
}

func class(on []string) string {
	if len(on) == 0 {
		return ""
	}
	return " " + strings.Join(on, " ")
}

// span is a text with the same attributes.
type span struct {
	text string
	on   []string
}

// spans splits a line where its attributes change; on holds the attributes that are active at the beginning
// of the line, and is set to those at its end.
func spans(line string, on *[]string) []span {
	var all []span
	add := func(text string) {
		if text != "" {
			all = append(all, span{text, slices.Clone(*on)})
		}
	}
	for at := escapes.FindStringSubmatchIndex(line); at != nil; at = escapes.FindStringSubmatchIndex(line) {
		add(line[:at[0]])
		for _, code := range strings.Split(line[at[2]:at[3]], ";") {
			switch name := attributes()[code]; {
			case code == "" || code == "0":
				*on = nil
			case code == "22":
				*on = slices.DeleteFunc(*on, func(name string) bool { return name == "bold" || name == "faint" })
			case name != "" && !slices.Contains(*on, name):
				*on = append(*on, name)
			}
		}
		line = line[at[1]:]
	}
	add(line)
	return all
}
