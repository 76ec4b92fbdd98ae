package explain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// instance writes the description of one sidecar: its purpose, what requested it, and its parameters.
func (w *writer) instance(i int) {
	in := &w.e.Instances[i]
	w.line("")
	title := w.Cyan(w.Bold(in.Name))
	if in.Missing {
		title += " " + w.Yellow("(missing)")
	}
	switch in.Outcome {
	case inject.Injected, inject.Unchanged:
		if in.Description != "" {
			title += ": " + terminal.FirstSentence(in.Description)
		}
	case unknownOutcome:
		title += ": " + w.Yellow("unknown")
	default:
		if in.asideOnly() {
			title += ": nothing is wrong with it, but the pod is refused"
			break
		}
		title += ": " + offline.OutcomeText(in.Outcome, w.Palette) + ", " + string(in.Reason)
	}
	w.line("%s", title)
	if in.AskedBy != "" {
		w.field("asked for by", fmt.Sprintf("%s  %s", in.AskedBy, w.Faint("("+w.why(in)+w.near(in.AskedAt)+")")))
	}
	w.canaries(in)
	if in.keptOut() {
		rules := failed(in.Rules)
		if !w.anything() && i == 0 && !w.stopped() { // show the pod's rules with those of the first instance
			rules = slices.Concat(w.e.Rules, in.Rules)
		}
		w.rules("  ", rules)
	}
	if len(in.Targets) > 0 {
		w.field("works for", strings.Join(in.Targets, ", "))
	}
	if len(in.Volumes) > 0 {
		w.field("volumes", strings.Join(in.Volumes, ", "))
	}
	w.parameters(in)
	if in.Outcome == inject.Unchanged {
		w.field("why", fmt.Sprintf("%s: %s", in.Reason, in.Detail))
	}
	if in.Outdated != "" {
		w.field("outdated", w.Yellow(in.Outdated))
	}
	w.trouble(in)
	w.needs(in)
	for _, note := range in.Notes {
		w.field("note", note)
	}
	if in.Outcome == inject.Unchanged { // for an instance to be added they are among the warnings
		for _, text := range in.Apart {
			w.field("note", text)
		}
	}
}

// canaries writes which of the template's canaries applies, and why others do not.
func (w *writer) canaries(in *Instance) {
	label := "canary"
	for _, c := range in.Canaries {
		verb := "does not count"
		if c.Counts {
			verb = w.Yellow("counts")
		}
		w.field(label, fmt.Sprintf("%s %s: %s", c.Name, verb, c.Why))
		label = ""
	}
}

// why returns the reason of an injected instance.
func (w *writer) why(in *Instance) string {
	if in.Outcome == inject.Injected {
		return string(in.Reason) + ", "
	}
	return ""
}

// near shortens a place: file:line:column in the workload's own file becomes its line.
func (w *writer) near(place string) string {
	if w.e.File == "" {
		return place
	}
	rest, here := strings.CutPrefix(place, w.e.File+":")
	if !here {
		return place
	}
	line, _, _ := strings.Cut(rest, ":")
	return "line " + line
}

// anything reports whether the pod has or gets a sidecar.
func (w *writer) anything() bool {
	for _, in := range w.e.Instances {
		if in.Outcome == inject.Injected || in.Outcome == inject.Unchanged {
			return true
		}
	}
	return false
}

// parameters writes the given parameters, one a line, and then the defaults.
func (w *writer) parameters(in *Instance) {
	width, valueWidth := 0, 0
	for _, s := range in.Parameters {
		if s.Origin != inject.OriginDefault {
			width, valueWidth = max(width, len(s.Name)), max(valueWidth, utf8.RuneCountInString(terminal.Cut(s.Value)))
		}
	}
	label := "parameters"
	var defaults []string
	for _, s := range in.Parameters {
		if s.Origin == inject.OriginDefault {
			if s.Value != "" {
				defaults = append(defaults, s.Name+"="+terminal.Cut(s.Value))
			}
			continue
		}
		origin := s.Origin
		if s.At != "" {
			origin += ", " + w.near(s.At)
		}
		w.field(label, fmt.Sprintf("%s  %s  %s", terminal.Pad(s.Name, width), terminal.Pad(terminal.Cut(s.Value), valueWidth), w.Faint("("+origin+")")))
		label = ""
	}
	if len(defaults) > 0 {
		w.wrapped("  "+terminal.Pad("defaults", fieldWidth)+"  ", defaults)
	}
}

// fieldWidth is the width of the longest label.
const fieldWidth = len("asked for by")

func (w *writer) field(label, text string) {
	w.line("  %s  %s", terminal.Pad(label, fieldWidth), text)
}

// wrapped writes a label and a list, wrapped at textWidth.
func (w *writer) wrapped(label string, items []string) {
	text, filled := label, false // a label is never alone on its line
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		if utf8.RuneCountInString(text)+1+len(item) > textWidth && filled {
			w.line("%s", text)
			text = strings.Repeat(" ", len(label))
		}
		if !strings.HasSuffix(text, " ") {
			text += " "
		}
		text += item
		filled = true
	}
	w.line("%s", text)
}
