package templates

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Set is an immutable collection of templates. Its answers do not depend on the order of the entries given to
// NewSet. It is safe for concurrent use.
type Set struct {
	entries []Entry
	// shared and byNamespace hold, by name, the index of the entry that takes precedence.
	shared      map[string]int
	byNamespace map[string]map[string]int
	// canaries holds, by namespace ("" for all) and the name of the template that they stand in for, the
	// usable canaries in the order in which they are tried; nil if there are none.
	canaries map[string]map[string][]int
	// tried holds all canaries by their own names, each from the source of highest precedence; nil if there
	// are none.
	tried    map[place]int
	matching selectorIndex
}

// NewSet returns the Set of the entries. Entries of one source with equal name, kind and namespace are
// broken: see MarkDuplicates.
func NewSet(entries []Entry) *Set {
	s := &Set{
		entries:     MarkDuplicates(entries),
		shared:      map[string]int{},
		byNamespace: map[string]map[string]int{},
	}
	slices.SortStableFunc(s.entries, compareEntries)
	for i := range s.entries {
		e := &s.entries[i]
		if !ValidName(e.Name) || e.canary() { // no pod can request it by that name
			continue
		}
		names := s.shared
		if e.Kind == v1alpha1.SidecarTemplateKind {
			if s.byNamespace[e.Namespace] == nil {
				s.byNamespace[e.Namespace] = map[string]int{}
			}
			names = s.byNamespace[e.Namespace]
		}
		if other, ok := names[e.Name]; !ok || precedence(e.Origin.Source) > precedence(s.entries[other].Origin.Source) {
			names[e.Name] = i
		}
	}
	s.addCanaries()
	for _, i := range s.shared {
		s.matching.add("", s.entries[i].Template)
	}
	for namespace, names := range s.byNamespace {
		for _, i := range names {
			s.matching.add(namespace, s.entries[i].Template)
		}
	}
	for namespace, names := range s.canaries {
		for _, list := range names {
			for _, i := range list {
				s.matching.add(namespace, s.entries[i].Template)
			}
		}
	}
	s.matching.build()
	return s
}

// MarkDuplicates returns a copy of entries in which those with equal name, kind, namespace and source have a
// DuplicateTemplate finding and no template. An entry that already has that finding is not changed, so that a
// source may call MarkDuplicates first and then restore the last good template.
func MarkDuplicates(entries []Entry) []Entry {
	type identity struct{ kind, namespace, name, source string }
	groups := map[identity][]int{}
	out := slices.Clone(entries)
	for i := range out {
		if e := &out[i]; e.Name != "" {
			id := identity{e.Kind, e.Namespace, e.Name, e.Origin.Source}
			groups[id] = append(groups[id], i)
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		slices.SortFunc(group, func(a, b int) int { return compareOrigins(out[a].Origin, out[b].Origin) })
		for n, i := range group {
			e := &out[i]
			if slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Reason == DuplicateTemplate }) {
				continue
			}
			other := group[0]
			if n == 0 {
				other = group[1]
			}
			e.Findings = SortFindings(append(slices.Clone(e.Findings), Finding{
				File: e.Origin.File, Line: e.Origin.Line, Column: min(e.Origin.Line, 1), Path: "metadata.name",
				Reason: DuplicateTemplate, Severity: SeverityError,
				Message: fmt.Sprintf("%s %s is also in %s", e.Kind, message.Quote(e.Name), out[other].Origin.place()),
				Hint:    "rename or remove one of them; neither is used",
			}))
			e.Template = nil
		}
	}
	return out
}

func (o Origin) place() string {
	switch {
	case o.File == "":
		return "the source " + o.Source
	case o.Line == 0:
		return o.File
	default:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
}

// precedence orders the sources: a template of the higher one hides that of the lower.
func precedence(source string) int {
	switch source {
	case SourceCluster:
		return 2
	case SourceDirectory:
		return 1
	default:
		return 0
	}
}

func compareOrigins(a, b Origin) int {
	return cmp.Or(
		-cmp.Compare(precedence(a.Source), precedence(b.Source)),
		strings.Compare(a.Source, b.Source),
		strings.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
	)
}

func compareEntries(a, b Entry) int {
	places := cmp.Or(
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Kind, b.Kind),
		compareOrigins(a.Origin, b.Origin),
	)
	if places != 0 {
		return places // compared before the findings, which are equal in broken copies, and many
	}
	// Equal places are those of resources of a cluster; then the content decides, independent of the given
	// order.
	return cmp.Or(
		strings.Compare(revisionOf(a), revisionOf(b)),
		slices.CompareFunc(a.Findings, b.Findings, func(x, y Finding) int { return strings.Compare(x.String(), y.String()) }),
	)
}

func revisionOf(e Entry) string {
	if e.Template == nil {
		return ""
	}
	return e.Template.Revision
}

// Lookup returns the template of that name for pods of the namespace, ignoring canaries: the SidecarTemplate
// of the namespace, else the ClusterSidecarTemplate. Of the same kind, one from the cluster hides one from a
// directory, which hides a built-in one. A broken template hides others too.
func (s *Set) Lookup(namespace, name string) (Entry, bool) {
	if i, ok := s.byNamespace[namespace][name]; ok {
		return s.entries[i], true
	}
	if i, ok := s.shared[name]; ok {
		return s.entries[i], true
	}
	return Entry{}, false
}

// Matching returns the templates whose match selects a pod of the workload, by order, then name. Hidden and
// broken ones are left out; of a template and its canaries, the one that is used for the workload is
// returned. The caller may change the result.
func (s *Set) Matching(w *Workload, podLabels map[string]string) []*Template {
	found := s.matching.find(w.Namespace, podLabels, w.NamespaceLabels)
	if own := s.byNamespace[w.Namespace]; len(own) > 0 {
		found = slices.DeleteFunc(found, func(t *Template) bool {
			_, hidden := own[t.Name]
			return hidden && t.Kind != v1alpha1.SidecarTemplateKind
		})
	}
	if s.canaries != nil {
		found = slices.DeleteFunc(found, func(t *Template) bool {
			counting, _ := s.Get(w, t.Name)
			return counting.Template != t
		})
	}
	return found
}

// Entries returns all entries, sorted by name, namespace, kind and origin. The slice must not be changed.
func (s *Set) Entries() []Entry { return s.entries }

// Names returns the names that a pod of the namespace may request, sorted, including those of broken
// templates.
func (s *Set) Names(namespace string) []string {
	own := s.byNamespace[namespace]
	names := slices.AppendSeq(make([]string, 0, len(s.shared)+len(own)), maps.Keys(s.shared))
	names = slices.AppendSeq(names, maps.Keys(own))
	slices.Sort(names)
	return slices.Compact(names)
}
