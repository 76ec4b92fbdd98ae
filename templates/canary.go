package templates

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Canary says for which pods a template takes the place of the one whose name it goes by.
type Canary struct {
	// Name is the template's own.
	Name string
	// Namespaces selects the pods by the labels of their namespace; nil where Percent counts.
	Namespaces labels.Selector
	// Percent of the workloads, from 0 to 100.
	Percent int
}

// Workload is whose pods want templates: what says whether a canary counts.
type Workload struct {
	Namespace       string
	NamespaceLabels map[string]string
	// Kind and Name are of what a person wrote, the same for all of its pods. They are needed only
	// where a Set has canaries.
	Kind, Name string
	// Only, where it is not nil, names the canary that counts whatever it says of itself, and no other does.
	Only *string
}

// share is the workload's place from 0 to 99 among those that a canary of the template may count for. It
// depends on nothing else, so that a larger share includes the smaller one, and
// the next canary comes to the same workloads first.
func (w *Workload) share(template string) int {
	var b []byte
	for _, text := range []string{template, w.Namespace, w.Kind, w.Name} {
		b = appendKey(b, text)
	}
	sum := sha256.Sum256(b)
	return int(binary.BigEndian.Uint64(sum[:8]) % 100)
}

// counts says whether the template, a canary, takes the place of its name for a workload.
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

// OwnName is the name that the template's author gave it: of a canary not the one that it goes by.
func (t *Template) OwnName() string {
	if t.Canary != nil {
		return t.Canary.Name
	}
	return t.Name
}

// Scope says in words for which pods a canary counts.
func (c *Canary) Scope() string {
	switch {
	case c.Namespaces == nil:
		return fmt.Sprintf("%d %% of the workloads", c.Percent)
	case c.Namespaces.Empty():
		return "all namespaces"
	}
	return "namespaces with " + c.Namespaces.String()
}

// Trial is what a canary comes to for one workload.
type Trial struct {
	Template *Template
	Counts   bool
	// Why is a sentence.
	Why string
}

// Trials are the canaries of a name that a workload of the namespace may get, with what each comes to; at
// most one counts.
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

// HasCanaries says whether any template is tried in the place of another.
func (s *Set) HasCanaries() bool { return s.canaries != nil }

// Canary is the canary of that name that is there for pods of the namespace, whether it counts or not.
func (s *Set) Canary(namespace, name string) (Entry, bool) {
	for _, scope := range []string{namespace, ""} {
		if i, ok := s.tried[place{scope, name}]; ok {
			return s.entries[i], true
		}
	}
	return Entry{}, false
}

// Get is Lookup for a pod of the workload: a canary takes the place of the template where it counts.
func (s *Set) Get(w *Workload, name string) (Entry, bool) {
	for _, i := range s.candidates(w.Namespace, name) {
		if s.entries[i].Template.counts(w) {
			return s.entries[i], true
		}
	}
	return s.Lookup(w.Namespace, name)
}

// candidates are the canaries that may take the place of what Lookup gives, in the order in which they are tried.
func (s *Set) candidates(namespace, name string) []int {
	if s.canaries == nil {
		return nil
	}
	_, own := s.byNamespace[namespace][name]
	_, shared := s.shared[name]
	if !own && !shared {
		return nil // it would be there for some pods of a namespace, and not for the others
	}
	list := s.canaries[namespace][name]
	if !own && namespace != "" {
		list = slices.Concat(list, s.canaries[""][name])
	}
	return list
}

// place is a name within a namespace; "" is all of them.
type place struct{ namespace, name string }

// maxCanaries is how many canaries of one template, in one namespace or shared, can count: each pod that
// asks for the template is compared with all.
const maxCanaries = 16

// addCanaries finds the canaries among the entries, which are sorted, and puts those that can
// count into order: a higher source first, then one for namespaces before one for a share of all, then by name.
// One of a lower source than the template's is hidden by it. The others get a finding.
func (s *Set) addCanaries() {
	for i := range s.entries {
		e := &s.entries[i]
		if !e.canary() || !ValidName(e.Name) {
			continue
		}
		unused := func(f Finding) bool { return f.Reason == UnusedCanary } // as an earlier set saw it
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
	for namespace, names := range s.canaries {
		for name, list := range names {
			slices.SortFunc(list, func(a, b int) int { return s.compareCanaries(&s.entries[a], &s.entries[b]) })
			names[name] = s.fit(namespace, name, list)
		}
	}
}

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

// fit tells those canaries that count for no pod so, and gives the others.
func (s *Set) fit(namespace, name string, list []int) []int {
	if _, there := s.Lookup(namespace, name); !there {
		hint := message.DidYouMean(name, s.Names(namespace), "sidecar-injector templates list shows the names")
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

// warn adds a finding on spec.canary.of to an entry. What was found of it alone is shared, and stays.
func (s *Set) warn(i int, reason FindingReason, hint, text string) {
	e := &s.entries[i]
	e.Findings = SortFindings(append(slices.Clone(e.Findings), Finding{
		File: e.Origin.File, Line: e.Origin.Line, Column: min(e.Origin.Line, 1), Path: "spec.canary.of",
		Reason: reason, Severity: SeverityWarning, Message: text, Hint: hint,
	}))
}

// scope is the namespace whose pods may ask for the entry; "" is all.
func (e *Entry) scope() string {
	if e.Kind == v1alpha1.SidecarTemplateKind {
		return e.Namespace
	}
	return ""
}
