package templates

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Canary says for which pods a template is used instead of the template that its spec.canary.of names.
type Canary struct {
	// Name is the canary's own name; Template.Name is the name that it stands in for.
	Name string
	// Namespaces selects the pods by the labels of their namespace; nil where Percent counts.
	Namespaces labels.Selector
	// Percent of the workloads, from 0 to 100.
	Percent int
}

// Workload describes the workload whose pods request templates. It decides whether a canary is used.
type Workload struct {
	Namespace       string
	NamespaceLabels map[string]string
	// Kind and Name are those of the outermost owner, such as a Deployment, and so are the same for all of
	// its pods. They are needed only if the Set has canaries.
	Kind, Name string
	// Only, if not nil, is the name of the canary to use, whatever its namespaces or percentage; all other
	// canaries are ignored.
	Only *string
}

// share is a hash of the workload, from 0 to 99, that is compared with the percentage of a template's canary.
// It depends on the template's name and the workload's identity only, so that a higher percentage includes
// all workloads of a lower one, and the next canary of the template reaches the same workloads first.
func (w *Workload) share(template string) int {
	var b []byte
	for _, text := range []string{template, w.Namespace, w.Kind, w.Name} {
		b = appendKey(b, text)
	}
	sum := sha256.Sum256(b)
	return int(binary.BigEndian.Uint64(sum[:8]) % 100)
}

// counts reports whether the template, a canary, is used for the workload.
func (t *Template) counts(w *Workload) bool {
	switch c := t.Canary; {
	case w.Only != nil:
		return c.Name == *w.Only
	case c.Namespaces != nil:
		return c.Namespaces.Matches(labels.Set(w.NamespaceLabels))
	default:
		return w.share(t.Name) < c.Percent
	}
}

// OwnName returns the name in the template's metadata. For a canary that is Canary.Name, not the name that it
// stands in for.
func (t *Template) OwnName() string {
	if t.Canary != nil {
		return t.Canary.Name
	}
	return t.Name
}

// Scope describes, for a message, the pods for which a canary is used.
func (c *Canary) Scope() string {
	switch {
	case c.Namespaces == nil:
		return fmt.Sprintf("%d %% of the workloads", c.Percent)
	case c.Namespaces.Empty():
		return "all namespaces"
	}
	return "namespaces with " + c.Namespaces.String()
}

// Trial is the decision about one canary for one workload.
type Trial struct {
	Template *Template
	Counts   bool
	// Why explains the decision, as a clause for a message.
	Why string
}

// Trials returns the decision about each canary of the named template that the workload could get, in the
// order in which they are tried. Counts is true for at most one.
func (s *Set) Trials(w *Workload, name string) []Trial {
	var trials []Trial
	var first *Template
	for _, i := range s.candidates(w.Namespace, name) {
		t := s.entries[i].Template
		trial := Trial{Template: t, Counts: first == nil && t.counts(w)}
		switch {
		case first != nil:
			trial.Why = fmt.Sprintf("canary %s comes before it", first.Canary.Name)
		case w.Only != nil && trial.Counts:
			trial.Why = "it is named"
		case w.Only != nil:
			trial.Why = "it is not named"
		case t.Canary.Namespaces == nil:
			trial.Why = fmt.Sprintf("it is for %s: those with a number below %d, of 0 to 99; %s has %d", t.Canary.Scope(), t.Canary.Percent, w.text(), w.share(name))
		case trial.Counts:
			trial.Why = fmt.Sprintf("it is for %s, and %s is one of them", t.Canary.Scope(), message.Quote(w.Namespace))
		default:
			trial.Why = fmt.Sprintf("it is for %s, and %s is not one of them", t.Canary.Scope(), message.Quote(w.Namespace))
		}
		if trial.Counts {
			first = t
		}
		trials = append(trials, trial)
	}
	return trials
}

func (w *Workload) text() string {
	if w.Name == "" {
		return w.Kind + " without a name"
	}
	return w.Kind + " " + message.Quote(w.Name)
}

// HasCanaries reports whether the Set has any canary that can be used.
func (s *Set) HasCanaries() bool { return s.canaries != nil }

// Canary returns the canary with that own name for pods of the namespace, whether or not it is used for any.
func (s *Set) Canary(namespace, name string) (Entry, bool) {
	for _, scope := range []string{namespace, ""} {
		if i, ok := s.tried[place{scope, name}]; ok {
			return s.entries[i], true
		}
	}
	return Entry{}, false
}

// Get is like Lookup, for a pod of the workload: it returns the canary, if one is used for the workload,
// instead of the template.
func (s *Set) Get(w *Workload, name string) (Entry, bool) {
	for _, i := range s.candidates(w.Namespace, name) {
		if s.entries[i].Template.counts(w) {
			return s.entries[i], true
		}
	}
	return s.Lookup(w.Namespace, name)
}

// candidates returns the indices of the canaries that may be used instead of what Lookup returns, in the
// order in which they are tried.
func (s *Set) candidates(namespace, name string) []int {
	if s.canaries == nil {
		return nil
	}
	_, own := s.byNamespace[namespace][name]
	_, shared := s.shared[name]
	if !own && !shared {
		return nil // a template that exists only as a canary would be missing for the other pods
	}
	list := s.canaries[namespace][name]
	if !own && namespace != "" {
		list = slices.Concat(list, s.canaries[""][name])
	}
	return list
}

// place is a canary's name within a namespace; namespace "" means all namespaces.
type place struct{ namespace, name string }

// maxCanaries limits how many canaries of one template, in one namespace or shared, are used: each pod that
// requests the template is compared with all of them.
const maxCanaries = 16

// addCanaries finds the canaries among the entries, which are sorted, and orders those that can be used: a
// source of higher precedence first, then canaries for namespaces before those with a percentage, then by
// name. A canary from a source of lower precedence than its template's is ignored. fit adds a finding to each
// that cannot be used.
func (s *Set) addCanaries() {
	for i := range s.entries {
		e := &s.entries[i]
		if !e.canary() || !ValidName(e.Name) {
			continue
		}
		unused := func(f Finding) bool { return f.Reason == UnusedCanary } // left by an earlier Set that held the same entry
		if slices.ContainsFunc(e.Findings, unused) {
			e.Findings = slices.DeleteFunc(slices.Clone(e.Findings), unused)
		}
		if s.tried == nil {
			s.tried = map[place]int{}
		}
		at := place{e.scope(), e.Name}
		if other, ok := s.tried[at]; !ok || precedence(e.Origin.Source) > precedence(s.entries[other].Origin.Source) {
			s.tried[at] = i
		}
	}
	for at, i := range s.tried {
		e := &s.entries[i]
		if e.Template == nil {
			continue
		}
		names := s.shared
		if at.namespace != "" {
			names = s.byNamespace[at.namespace]
		}
		if main, ok := names[e.Template.Name]; ok && precedence(s.entries[main].Origin.Source) > precedence(e.Origin.Source) {
			continue
		}
		if s.canaries == nil {
			s.canaries = map[string]map[string][]int{}
		}
		if s.canaries[at.namespace] == nil {
			s.canaries[at.namespace] = map[string][]int{}
		}
		s.canaries[at.namespace][e.Template.Name] = append(s.canaries[at.namespace][e.Template.Name], i)
	}
	compared := 0
	for _, namespace := range slices.Sorted(maps.Keys(s.canaries)) {
		names := s.canaries[namespace]
		for _, name := range slices.Sorted(maps.Keys(names)) {
			list := names[name]
			slices.SortFunc(list, func(a, b int) int { return s.compareCanaries(&s.entries[a], &s.entries[b]) })
			names[name] = s.fit(namespace, name, list, &compared)
		}
	}
}

// maxCompared limits how many names of templates are compared with those that canaries give and no template
// has: a Set is made whenever a template changes.
const maxCompared = 100_000

func (s *Set) compareCanaries(a, b *Entry) int {
	percentage := func(e *Entry) int {
		if e.Template.Canary.Namespaces == nil {
			return 1
		}
		return 0
	}
	return cmp.Or(
		-cmp.Compare(precedence(a.Origin.Source), precedence(b.Origin.Source)),
		percentage(a)-percentage(b),
		strings.Compare(a.Name, b.Name),
	)
}

// fit returns the canaries that can be used, and adds a finding to each of the others. compared counts the names
// of maxCompared.
func (s *Set) fit(namespace, name string, list []int, compared *int) []int {
	if _, there := s.Lookup(namespace, name); !there {
		hint := "sidecar-injector templates list shows the names"
		if *compared += len(s.shared) + len(s.byNamespace[namespace]); *compared <= maxCompared {
			hint = message.DidYouMean(name, s.Names(namespace), hint)
		}
		for _, i := range list {
			s.warn(i, UnusedCanary, hint, fmt.Sprintf("there is no template %s: the canary counts for no pod", message.Quote(name)))
		}
		return nil
	}
	for _, i := range list[min(len(list), maxCanaries):] {
		s.warn(i, UnusedCanary, "remove some", fmt.Sprintf("template %s has more canaries than the %d that can count: this one counts for no pod", message.Quote(name), maxCanaries))
	}
	return list[:min(len(list), maxCanaries)]
}

// warn adds a finding on spec.canary.of to an entry. The entry's findings are copied first, because other
// Sets share the slice.
func (s *Set) warn(i int, reason FindingReason, hint, text string) {
	e := &s.entries[i]
	e.Findings = SortFindings(append(slices.Clone(e.Findings), Finding{
		File: e.Origin.File, Line: e.Origin.Line, Column: min(e.Origin.Line, 1), Path: "spec.canary.of",
		Reason: reason, Severity: SeverityWarning, Message: text, Hint: hint,
	}))
}

// scope returns the namespace whose pods may request the entry; "" means all namespaces.
func (e *Entry) scope() string {
	if e.Kind == v1alpha1.SidecarTemplateKind {
		return e.Namespace
	}
	return ""
}
