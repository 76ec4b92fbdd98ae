package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// instance is what one sidecar is for, who asked for it, and with what.
func (w *explanationWriter) instance(i int) {
	in := &w.e.Instances[i]
	w.line("")
	title := w.cyan(w.bold(in.Name))
	if in.Missing {
		title += " " + w.yellow("(missing)")
	}
	switch in.Outcome {
	case inject.Injected, inject.Unchanged:
		if in.Description != "" {
			title += ": " + firstSentence(in.Description)
		}
	case unknownOutcome:
		title += ": " + w.yellow("unknown")
	default:
		if in.asideOnly() {
			title += ": nothing is wrong with it, but the pod is refused"
			break
		}
		title += ": " + outcomeText(in.Outcome, w.palette) + ", " + string(in.Reason)
	}
	w.line("%s", title)
	if in.AskedBy != "" {
		w.field("asked for by", fmt.Sprintf("%s  %s", in.AskedBy, w.faint("("+w.why(in)+w.near(in.AskedAt)+")")))
	}
	if in.keptOut() {
		rules := failed(in.Rules)
		if !w.anything() && i == 0 && !w.stopped() { // all of them, once
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
		w.field("outdated", w.yellow(in.Outdated))
	}
	w.trouble(in)
	w.needs(in)
	for _, note := range in.Notes {
		w.field("note", note)
	}
	if in.Outcome == inject.Unchanged { // of one that is to be added the warnings tell
		for _, text := range in.Apart {
			w.field("note", text)
		}
	}
}

// why is the reason of an instance that is asked for and injected.
func (w *explanationWriter) why(in *explainedInstance) string {
	if in.Outcome == inject.Injected {
		return string(in.Reason) + ", "
	}
	return ""
}

// near is a place without what everybody knows: file:line:column of the file that the
// workload stands in is its line.
func (w *explanationWriter) near(place string) string {
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

func firstSentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}

// anything says whether the pod has a sidecar of ours.
func (w *explanationWriter) anything() bool {
	for _, in := range w.e.Instances {
		if in.Outcome == inject.Injected || in.Outcome == inject.Unchanged {
			return true
		}
	}
	return false
}

// parameters lists what was given, one a line, and then the defaults.
func (w *explanationWriter) parameters(in *explainedInstance) {
	width, valueWidth := 0, 0
	for _, s := range in.Parameters {
		if s.Origin != inject.OriginDefault {
			width, valueWidth = max(width, len(s.Name)), max(valueWidth, utf8.RuneCountInString(cutText(s.Value)))
		}
	}
	label := "parameters"
	var defaults []string
	for _, s := range in.Parameters {
		if s.Origin == inject.OriginDefault {
			if s.Value != "" {
				defaults = append(defaults, s.Name+"="+cutText(s.Value))
			}
			continue
		}
		origin := s.Origin
		if s.At != "" {
			origin += ", " + w.near(s.At)
		}
		w.field(label, fmt.Sprintf("%s  %s  %s", pad(s.Name, width), pad(cutText(s.Value), valueWidth), w.faint("("+origin+")")))
		label = ""
	}
	if len(defaults) > 0 {
		w.wrapped("  "+pad("defaults", fieldWidth)+"  ", defaults)
	}
}

// fieldWidth is that of the longest label.
const fieldWidth = len("asked for by")

func (w *explanationWriter) field(label, text string) {
	w.line("  %s  %s", pad(label, fieldWidth), text)
}

// wrapped lists small things behind a label, over as many lines as it takes.
func (w *explanationWriter) wrapped(label string, items []string) {
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

// pad fills a text with blanks.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// cutText shows a value on one line: as it is if it can be printed, else quoted, and cut
// if it is long.
func cutText(text string) string {
	const longest = 80
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(text) {
		text = strconv.Quote(text)
	}
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest-1]) + "…"
}
