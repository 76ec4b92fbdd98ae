package edit

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// writer writes random documents in random styles.
type writer struct {
	*rand.Rand
	strings.Builder
	// plain restricts the output to block style without anchors, so that an addition only adds lines.
	plain    bool
	anchors  []string
	mappings []string // the anchors whose value is a mapping
	count    int      // of anchors
	eol      string
}

var someScalars = []string{
	"a", "web", "10", "-3", "0x1F", "1.5", "true", "no", "~", `"q: 'x'"`, `'it''s'`, `"a\tb\\"`, "2020-01-01", `""`, "a b c", "é ü", `"🎉"`, "- ", "http://a:1/b",
	"!!str 12", "x#y", "''", "1_0", "a: b", ".5", "on",
}

var someNames = []string{"a", "b", "name", "image", "labels", "x-y", "é", "k1", "k2", "k3", "'q r'", `"z:"`, "7"}

func (w *writer) one(n int) bool { return w.IntN(n) == 0 }

func (w *writer) scalar() string {
	for {
		s := someScalars[w.IntN(len(someScalars))]
		if s != "- " && s != "a: b" {
			return s
		}
	}
}

func (w *writer) names() []string {
	names := append([]string(nil), someNames...)
	w.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:1+w.IntN(5)]
}

func (w *writer) line(s string) { w.WriteString(s + w.eol) }

// noise writes comments and empty lines between entries.
func (w *writer) noise(indent int) {
	if w.one(8) {
		w.line("")
	}
	if w.one(5) {
		w.line(pad(indent+w.IntN(3)*w.IntN(2)) + "# note")
	}
	if w.one(30) {
		w.line(pad(w.IntN(indent+1)) + "# elsewhere")
	}
}

func (w *writer) trailing() string {
	if w.one(6) {
		return strings.Repeat(" ", 1+w.IntN(2)) + "# c"
	}
	return ""
}

func pad(n int) string { return strings.Repeat(" ", n) }

// document writes a mapping.
func (w *writer) document() string {
	w.eol = "\n"
	if w.one(6) {
		w.eol = "\r\n"
	}
	if w.one(10) {
		w.WriteString("\ufeff")
	}
	if w.one(5) {
		w.line("%YAML 1.1")
		w.line("---" + w.trailing())
	} else if w.one(3) {
		w.line("---" + w.trailing())
	}
	w.noise(0)
	if !w.plain && w.one(8) {
		w.line(w.flow(3))
	} else {
		w.mapping(0, 4, false)
	}
	w.noise(0)
	if w.one(6) {
		w.line("...")
	}
	text := w.String()
	if w.one(5) {
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

// mapping writes a block mapping at a column; its first line has been begun if inline.
func (w *writer) mapping(column, depth int, inline bool) {
	for i, name := range w.names() {
		if i > 0 || !inline {
			if i > 0 {
				w.noise(column)
			}
			w.WriteString(pad(column))
		}
		switch {
		case !w.plain && len(w.mappings) > 0 && i == 0 && w.one(3):
			w.line("<<: *" + w.mappings[w.IntN(len(w.mappings))])
		case w.one(25):
			w.line("? " + name)
			w.WriteString(pad(column) + ":")
			w.value(column, depth-1, false)
		default:
			w.WriteString(name + ":")
			w.value(column, depth-1, false)
		}
	}
}

// list writes a block list at a column.
func (w *writer) list(column, depth int, inline bool) {
	for i := range 1 + w.IntN(4) {
		if i > 0 || !inline {
			if i > 0 {
				w.noise(column)
			}
			w.WriteString(pad(column))
		}
		w.WriteString("-")
		w.value(column, depth-1, true)
	}
}

// value writes what follows a colon or dash of a collection at a column.
func (w *writer) value(column, depth int, item bool) {
	if !w.plain && w.one(12) && len(w.anchors) > 0 {
		w.line(" *" + w.anchors[w.IntN(len(w.anchors))] + w.trailing())
		return
	}
	kind := w.IntN(10)
	anchor, bind := "", func(bool) {}
	if !w.plain && w.one(7) {
		w.count++
		name := fmt.Sprintf("n%d", w.count)
		if kind > 5 && w.one(3) { // an anchor's name may be reused
			name = fmt.Sprintf("again%d", w.IntN(3))
		}
		anchor = " &" + name
		bind = func(mapping bool) {
			w.anchors = append(w.anchors, name)
			w.mappings = remove(w.mappings, name)
			if mapping {
				w.mappings = append(w.mappings, name)
			}
		}
	}
	inside := column + 1 + w.IntN(3)
	switch {
	case depth > 0 && kind < 3:
		if item && anchor == "" && w.one(2) {
			gap := 1 + w.IntN(3)
			w.WriteString(pad(gap))
			w.mapping(column+1+gap, depth, true)
		} else {
			w.line(anchor + w.trailing())
			w.noise(inside)
			w.mapping(inside, depth, false)
		}
		bind(true)
	case depth > 0 && kind < 5:
		if item && anchor == "" && !w.plain && w.one(3) { // - - a: an item before a changes its line
			w.WriteString(" ")
			w.list(column+2, depth, true)
		} else {
			if !item && w.one(2) {
				inside = column
			}
			w.line(anchor + w.trailing())
			w.noise(inside)
			w.list(inside, depth, false)
		}
		bind(false)
	case !w.plain && kind == 5:
		w.line(anchor + " " + w.flow(depth) + w.trailing())
		bind(false)
	case kind == 6:
		w.blockScalar(anchor, column)
		bind(false)
	case kind == 7 && w.one(2):
		w.line(anchor + w.trailing())
		bind(false)
	case kind == 7:
		w.line(anchor + " plain" + w.eol + pad(column+1+w.IntN(3)) + "goes on" + w.trailing())
		bind(false)
	case kind == 8 && w.one(2):
		w.line(anchor + ` "quoted` + w.eol + w.eol + pad(column+2) + `goes on"` + w.trailing())
		bind(false)
	default:
		w.line(anchor + " " + w.scalar() + w.trailing())
		bind(false)
	}
}

func remove(list []string, name string) []string {
	var rest []string
	for _, s := range list {
		if s != name {
			rest = append(rest, s)
		}
	}
	return rest
}

func (w *writer) blockScalar(anchor string, column int) {
	inside := column + 1 + w.IntN(3)
	header := []string{"|", "|-", "|+", ">", ">-", ">+"}[w.IntN(6)]
	extra := 0
	if w.one(4) {
		header += fmt.Sprint(inside - column)
		extra = w.IntN(3)
	}
	w.line(anchor + " " + header + w.trailing())
	for i := range w.IntN(4) {
		if i > 0 && w.one(4) {
			w.line(pad(w.IntN(inside)))
		}
		w.line(pad(inside+extra) + []string{"text", "# no comment", "- x", "a: b", "\tx"}[w.IntN(4)])
		extra = w.IntN(2) * w.IntN(3)
	}
	if w.one(3) {
		w.line("")
	}
}

// flow writes a collection in brackets, on one line or several.
func (w *writer) flow(depth int) string {
	gap, end := "", ""
	tall := w.one(4)
	if tall {
		gap, end = w.eol+pad(12+w.IntN(3)), w.eol+pad(11)
	}
	var parts []string
	mapping := w.one(2)
	if w.one(5) {
		return []string{"{}", "[]", "{ }", "[ ]"}[w.IntN(4)]
	}
	for _, name := range w.names() {
		value := w.scalar()
		if depth > 0 && w.one(3) {
			value = w.flow(depth - 1)
		} else if len(w.anchors) > 0 && w.one(6) {
			value = "*" + w.anchors[w.IntN(len(w.anchors))] + " "
		}
		switch {
		case mapping && w.one(12):
			value = name + ": "
		case mapping:
			value = name + ": " + value
		case w.one(15):
			value = name + ": " + value
		}
		parts = append(parts, gap+value)
	}
	text := strings.Join(parts, ",")
	if !tall {
		text = strings.Join(parts, []string{",", ", "}[w.IntN(2)])
	} else if w.one(3) {
		text = strings.Replace(text, ","+w.eol, ", # c"+w.eol, 1)
	}
	if w.one(8) {
		text += ","
	}
	if mapping {
		return "{" + text + end + "}"
	}
	return "[" + text + end + "]"
}
