package inject

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Status is the annotation sidecar-injector.dev/status: what was injected, by instance.
type Status map[string]StatusEntry

// StatusEntry records one instance.
type StatusEntry struct {
	// Template is kind/name, or kind/namespace/name for a namespaced template.
	Template string `json:"template"`
	// Revision is the template's revision and Parameters a hash of the parameters, both at injection.
	Revision   string `json:"revision"`
	Parameters string `json:"parameters"`
	// Sidecars are the native sidecars, InitContainers the other init containers.
	Sidecars       []string `json:"sidecars,omitempty"`
	InitContainers []string `json:"initContainers,omitempty"`
	Containers     []string `json:"containers,omitempty"`
	Volumes        []string `json:"volumes,omitempty"`
	// Index is the instance's index among those of its template, from 0.
	Index int `json:"index,omitzero"`
	// Labels are the names of the labels that it added. They are ignored when templates are matched, or a
	// second injection would add more than the first.
	Labels []string `json:"labels,omitempty"`
	// LeftOut is why the instance was not added although others were. A later injection, which sees a
	// changed pod, must not add it either.
	LeftOut Reason `json:"leftOut,omitempty"`
}

// withoutLabels returns the labels that the pod had before injection.
func (s Status) withoutLabels(labels map[string]string) map[string]string {
	own := labels
	for _, e := range s {
		for _, name := range e.Labels {
			if _, there := own[name]; !there {
				continue
			}
			if len(own) == len(labels) {
				own = maps.Clone(labels)
			}
			delete(own, name)
		}
	}
	return own
}

// ReadStatus reads the status from a pod's annotations. It returns nil and no error if there is none.
func ReadStatus(annotations map[string]string) (Status, error) {
	text, ok := annotations[StatusAnnotation]
	if !ok || text == "" {
		return nil, nil
	}
	if len(text) > maxStatus {
		return nil, fmt.Errorf("annotation %s: it has %d bytes, more than %d", StatusAnnotation, len(text), maxStatus)
	}
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("annotation %s: %w", StatusAnnotation, err)
	}
	if len(s) > maxStatusEntries {
		return nil, fmt.Errorf("annotation %s: it has %d entries, more than %d", StatusAnnotation, len(s), maxStatusEntries)
	}
	return s, nil
}

// Bounds of a status that is read, since the work on it grows with its size: bytes and entries.
const (
	maxStatus        = 64 << 10
	maxStatusEntries = 64
)

// text returns the annotation's value: compact JSON with sorted keys.
func (s Status) text() (string, error) {
	b, err := json.Marshal(s, json.Deterministic(true))
	return string(b), err
}

// whole returns the entries whose containers and volumes are all in the pod. The map is new.
func (s Status) whole(p *podView) Status {
	kept := Status{}
	for name, e := range s {
		if e.complete(p) && (e.LeftOut == "" || mayBeLeftOut(e.LeftOut)) {
			kept[name] = e
		}
	}
	return kept
}

// leftovers returns the entries that no instance stands for, sorted by name.
func leftovers(whole Status, instances []Instance, set *templates.Set, w *templates.Workload) []Leftover {
	var all []Leftover
	for name, e := range whole {
		if e.LeftOut != "" || slices.ContainsFunc(instances, func(in Instance) bool { return in.Name == name }) {
			continue
		}
		today, _ := set.Get(w, e.TemplateName())
		all = append(all, Leftover{Name: name, StatusEntry: e, Today: today.Template})
	}
	slices.SortFunc(all, func(a, b Leftover) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// leftBehind returns the sidecars from an earlier injection in a pod that may not be injected. It returns
// none if the pod or its status cannot be read; the API server reports that.
func leftBehind(p *podView, set *templates.Set, req *Request) []Leftover {
	status, err := ReadStatus(p.metadata.Annotations)
	if err != nil || len(status) == 0 || p.decodeSpec() != nil {
		return nil
	}
	w := whose(set, req, p)
	return leftovers(status.whole(p), nil, set, &w)
}

// TemplateKind returns the kind of the template that the entry came from.
func (e StatusEntry) TemplateKind() string {
	kind, _, _ := strings.Cut(e.Template, "/")
	return kind
}

// TemplateName returns the name of the template that the entry came from.
func (e StatusEntry) TemplateName() string {
	return e.Template[strings.LastIndexByte(e.Template, '/')+1:]
}

// ContainerNames returns the names of all containers of the entry.
func (e StatusEntry) ContainerNames() []string {
	return slices.Concat(e.Sidecars, e.InitContainers, e.Containers)
}

// complete reports whether everything that the entry lists is in the pod, each container name once and in
// the list that the entry says. An entry of a template that only adds to the app's containers lists nothing
// and is complete.
func (e StatusEntry) complete(p *podView) bool {
	all := slices.Sorted(slices.Values(e.ContainerNames()))
	if len(slices.Compact(all)) < len(e.ContainerNames()) {
		return false
	}
	in := func(list string, names []string) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			_, l, _ := p.container(name)
			return l != list
		})
	}
	if !in("initContainers", e.Sidecars) || !in("initContainers", e.InitContainers) || !in("containers", e.Containers) {
		return false
	}
	return !slices.ContainsFunc(e.Volumes, func(name string) bool { return p.volume(name) == nil })
}

// containers returns the names of all containers that the entries list.
func (s Status) containers() names {
	var set names
	for _, e := range s {
		for _, name := range e.ContainerNames() {
			if set == nil {
				set = names{}
			}
			set[name] = true
		}
	}
	return set
}

// hashParameters returns a hash of what was given for an instance: the text of parameters and reserved
// parameters, in any order.
func hashParameters(given []given) string {
	lines := make([]string, 0, len(given))
	var line []byte
	for _, g := range given {
		line = append(strconv.AppendQuote(line[:0], g.parameter), '=')
		line = strconv.AppendQuote(line, g.text)
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:5])
}
