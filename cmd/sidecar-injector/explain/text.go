package explain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// textWidth is the width, in characters, at which lists are wrapped.
const textWidth = 100

// Text returns the explanation as text for readers without prior knowledge of sidecars.
func (e *Explanation) Text(p terminal.Palette) string {
	w := &writer{Palette: p, e: e}
	w.head()
	if e.Live || e.Outcome != inject.Refused && e.Outcome != unknownOutcome {
		w.table(e.Containers)
	}
	w.missing()
	w.pods()
	if w.stopped() {
		w.rules("", e.Rules)
	}
	for i := range e.Instances {
		w.instance(i)
	}
	w.podGets()
	w.warnings()
	w.remedies()
	return p.Printable(w.b.String())
}

// writer writes the text of one explanation.
type writer struct {
	terminal.Palette
	e *Explanation
	b strings.Builder
	// native is set once native sidecars have been explained.
	native bool
}

func (w *writer) line(format string, args ...any) {
	w.b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	w.b.WriteByte('\n')
}

// head writes the title and the verdict.
func (w *writer) head() {
	e := w.e
	place := "(in the cluster)"
	if e.File != "" {
		place = fmt.Sprintf("(%s:%d)", e.File, e.Line)
	}
	w.line("%s in namespace %s %s", w.Bold(e.title), message.Quote(e.Namespace), w.Faint(place))
	w.line("")
	w.line("%s", w.verdict())
	if e.Live || e.Outcome != inject.Refused && e.Outcome != unknownOutcome {
		w.line("%s", w.Faint("READY counts the containers of one pod (ready/all); how many pods there are is another number (DESIRED, REPLICAS)."))
	}
}

// Verdict returns the result in one or two sentences, without colours.
func (e *Explanation) Verdict() string {
	w := &writer{e: e}
	return w.Printable(w.verdict())
}

// verdict returns the result in one or two sentences.
func (w *writer) verdict() string {
	e := w.e
	if e.Outcome == inject.Refused && !e.Live {
		return w.Red("REFUSED") + fmt.Sprintf(" (%s): no pod is created until this is mended.", e.Reason)
	}
	if e.Outcome == unknownOutcome && !e.Live {
		return w.Yellow("UNKNOWN") + ": what the injector would do with the pod cannot be told from here."
	}
	own, ours, waiting := 0, 0, 0
	for _, c := range e.Containers {
		switch {
		case !c.Counts:
			continue
		case c.Instance != "":
			ours++
		default:
			own++
		}
		if e.Observed && !c.ready {
			waiting++
		}
	}
	ready := w.Bold("READY " + e.Ready)
	if e.Observed && waiting > 0 {
		ready = w.Yellow("READY " + e.Ready)
	}
	text := ready + ": "
	switch {
	case ours > 0:
		text += fmt.Sprintf("%s of the app and %s that sidecar-injector %s.", terminal.Plural(own, "container"), terminal.Plural(ours, "sidecar"), w.verb())
	case e.Missing != nil && own == 1:
		text += "the app's own container and no sidecar."
	case e.Missing != nil:
		text += terminal.Plural(own, "container") + ", all of them the pod's own."
	case own == 1:
		text += "the app's own container and no sidecar; " + w.nothing()
	default:
		text += fmt.Sprintf("%s, all of them the pod's own; %s", terminal.Plural(own, "container"), w.nothing())
	}
	switch {
	case waiting == 1 && own+ours == 1:
		text += " It is not ready."
	case waiting > 0:
		text += fmt.Sprintf(" %d of them not ready.", waiting)
	}
	return text + w.absence()
}

// verb returns "adds" or "added", for what the injector does, or did, to the pod.
func (w *writer) verb() string {
	here, now := false, false
	for _, in := range w.e.Instances {
		here = here || in.Outcome == inject.Unchanged
		now = now || in.Outcome == inject.Injected && !w.e.Live
	}
	switch {
	case here && now:
		return "adds or has added"
	case now:
		return "adds"
	}
	return "added"
}

// nothing returns the sentence that no running container was added, and why.
func (w *writer) nothing() string {
	if w.e.Outcome == unknownOutcome {
		return "what the injector would add today cannot be told from here."
	}
	if w.anything() {
		return "sidecar-injector " + w.little()
	}
	if slices.ContainsFunc(w.e.misplaced, func(group offline.Misplaced) bool { return group.Asks() }) {
		return fmt.Sprintf("sidecar-injector adds nothing (%s), because the annotation that asks stands where nobody reads it.", w.e.Reason)
	}
	return fmt.Sprintf("sidecar-injector adds nothing (%s).", w.e.Reason)
}

// little describes changes to a pod that do not include a running container.
func (w *writer) little() string {
	ending := 0
	for _, c := range w.e.Containers {
		if c.Instance != "" {
			ending++
		}
	}
	if ending > 0 {
		return fmt.Sprintf("%s %s, which READY does not count.", w.verb(), terminal.Plural(ending, "init container"))
	}
	if w.verb() == "added" {
		return "changed the pod, but added no container."
	}
	return "changes the pod, but adds no container."
}

// podGets writes the added fields of the pod itself.
func (w *writer) podGets() {
	label, list := "The pod itself gets: ", w.e.PodGets
	if w.e.Missing != nil {
		label, list = "The pod itself would get: ", w.e.Missing.PodGets
	}
	if len(list) > 0 {
		w.line("")
		w.wrapped(label, list)
	}
}

// table writes the containers, each with where it comes from.
func (w *writer) table(containers []Container) {
	w.line("")
	name, role, state := 0, 0, 0
	for _, c := range containers {
		name, role, state = max(name, utf8.RuneCountInString(c.Name)), max(role, len(roleText(c))), max(state, len(c.State))
	}
	if state > 0 {
		state += 2
	}
	number := 0
	for _, c := range containers {
		count := "-"
		if c.Counts {
			number++
			count = fmt.Sprint(number)
		}
		w.line("  %s  %s  %s  %s%s", count, w.Bold(terminal.Pad(c.Name, name)), terminal.Pad(roleText(c), role), w.state(c, state), w.whose(c))
		for _, got := range c.Gets {
			w.line("  %s  %s  + %s", strings.Repeat(" ", len(count)), strings.Repeat(" ", name), got)
		}
	}
	if !w.native && slices.ContainsFunc(containers, func(c Container) bool { return c.Role == roleSidecar }) {
		w.native = true
		w.line("")
		w.line("%s", w.Faint("A native sidecar is an init container that goes on running: it starts before the app and stops after it."))
	}
}

func (w *writer) state(c Container, width int) string {
	text := terminal.Pad(c.State, width)
	if c.Counts && !c.ready {
		return w.Yellow(text)
	}
	return text
}

func roleText(c Container) string {
	switch {
	case c.Role == roleSidecar:
		return "native sidecar"
	case c.Role == roleInit:
		return "init, ends at once"
	case c.Role == roleInjected:
		return "sidecar"
	}
	return "app"
}

// whose returns where a container comes from.
func (w *writer) whose(c Container) string {
	if c.Instance == "" {
		return "the pod's own"
	}
	for i := range w.e.Instances {
		if in := &w.e.Instances[i]; in.Name == c.Instance {
			return fmt.Sprintf("%s, by %s", w.Cyan(in.Name), in.templateText())
		}
	}
	return c.Instance
}

// templateText returns template@revision (canary, origin).
func (in *Instance) templateText() string {
	text := "template " + in.Template
	if in.Revision != "" {
		text += "@" + in.Revision
	}
	origin := in.Origin
	if in.canary != "" {
		origin = "canary " + in.canary + ", " + origin
	}
	if origin != "" {
		text += " (" + origin + ")"
	}
	return text
}

// stopped reports whether a test of the pod as a whole was not passed.
func (w *writer) stopped() bool { return len(failed(w.e.Rules)) > 0 }

// rules writes tests of the decision, marked with ✓ or ✗.
func (w *writer) rules(indent string, rules []Rule) {
	if len(rules) == 0 {
		return
	}
	if indent == "" {
		w.line("")
	}
	for _, r := range rules {
		if r.Passed {
			w.line("%s  %s %s", indent, w.Green("✓"), r.Text)
			continue
		}
		w.line("%s  %s %s: %s", indent, w.Red("✗"), w.Bold(string(r.Reason)), r.Text)
	}
}

func (w *writer) warnings() {
	if len(w.e.Warnings) == 0 && len(w.e.misplaced) == 0 {
		return
	}
	w.line("")
	for _, text := range w.e.Warnings {
		w.line("%s %s", w.Yellow("warning:"), text)
	}
	for _, group := range w.e.misplaced {
		w.line("%s %s", w.Yellow("warning:"), group.Text())
	}
}

func (w *writer) remedies() {
	if len(w.e.Remedies) == 0 {
		return
	}
	w.line("")
	w.line("%s", w.Bold("To mend it:"))
	for _, r := range w.e.Remedies {
		w.line("  %s", r.Text)
		for _, line := range r.Lines {
			w.line("      %s", line)
		}
		if r.Command != "" {
			if len(r.Lines) > 0 {
				w.line("  or")
			}
			w.line("      %s", w.Cyan(r.Command))
		}
	}
}
