package inject

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Metadata is the metadata of a workload, or of an object nested in it on the way to the pod template.
type Metadata struct {
	// Field that has the metadata: "" for the workload itself, spec.template for a pod template.
	Field               string
	Labels, Annotations map[string]string
}

// Misplaced is an injector's label or annotation at a place where it has no effect. The most frequent
// mistake is the annotation on a Deployment instead of its pod template.
type Misplaced struct {
	Key, Value string
	// IsLabel is true if the key has to be a label, false if an annotation, wherever it was found.
	IsLabel bool
	// Where is the field that holds it, such as metadata.annotations; Owner describes the object that has
	// this metadata. Belongs is the field where it would take effect.
	Where, Owner, Belongs string
}

// TemplateField returns the field of a workload that holds its pod template; "" for a pod.
func TemplateField(kind string) string {
	switch kind {
	case "Pod":
		return ""
	case "PodTemplate":
		return "template"
	case "CronJob":
		return "spec.jobTemplate.spec.template"
	}
	return "spec.template"
}

// MetadataFields returns the fields of a workload that have metadata, from the workload itself, "", to its
// pod template.
func MetadataFields(kind string) []string {
	switch kind {
	case "Pod":
		return []string{""}
	case "CronJob":
		return []string{"", "spec.jobTemplate", TemplateField(kind)}
	}
	return []string{"", TemplateField(kind)}
}

// Mapping is a mapping at a field that the author mistook for labels or annotations, such as
// spec.template.annotations.
type Mapping struct {
	Field string
	Keys  map[string]string
}

// FindMisplaced returns the injector's labels and annotations that have no effect: in the metadata above
// the pod template, which is the last of levels, as a label instead of an annotation or vice versa, and in
// mappings elsewhere. A key that is also at its right place is left out.
func FindMisplaced(kind string, levels []Metadata, elsewhere ...Mapping) []Misplaced {
	if len(levels) == 0 {
		return nil
	}
	pod := &levels[len(levels)-1]
	var found []Misplaced
	look := func(at Mapping, right func(isLabel bool) bool) {
		for _, key := range slices.Sorted(maps.Keys(at.Keys)) {
			isLabel, ours := ReadFromPod(key)
			if !ours || right(isLabel) {
				continue
			}
			if _, present := pod.keys(isLabel)[key]; present {
				continue // it has its effect at the right place
			}
			if key == InjectionLabel && at.Field == metadataField(pod.Field, false) && asksInstead(at.Keys[key]) {
				continue // the other key is meant, as the decision says
			}
			found = append(found, Misplaced{
				Key: key, Value: at.Keys[key], IsLabel: isLabel,
				Where: at.Field, Owner: ownerName(kind, at.Field, pod.Field), Belongs: metadataField(pod.Field, isLabel),
			})
		}
	}
	for i := range levels {
		level := &levels[i]
		for _, labels := range []bool{false, true} {
			look(Mapping{Field: metadataField(level.Field, labels), Keys: level.keys(labels)},
				func(isLabel bool) bool { return level == pod && isLabel == labels })
		}
	}
	for _, at := range elsewhere {
		look(at, func(bool) bool { return false })
	}
	return found
}

func (m *Metadata) keys(labels bool) map[string]string {
	if labels {
		return m.Labels
	}
	return m.Annotations
}

func metadataField(field string, labels bool) string {
	if field != "" {
		field += "."
	}
	if labels {
		return field + "metadata.labels"
	}
	return field + "metadata.annotations"
}

// ReadFromPod reports whether the injector reads a key from pods, and whether it is a label.
func ReadFromPod(key string) (isLabel, ours bool) {
	switch key {
	case InjectionLabel:
		return true, true
	case RequestAnnotation:
		return false, true
	}
	domain, _, _ := strings.Cut(key, "/")
	return false, strings.HasSuffix(domain, parameterSuffix) && !strings.HasPrefix(domain, "config.")
}

// ownerName describes the object that a field is part of: the pod template, the job template, or the
// workload.
func ownerName(kind, field, podField string) string {
	switch {
	case podField != "" && strings.HasPrefix(field, podField+"."):
		return "the pod template"
	case !strings.Contains(strings.ToLower(field), "template"):
		return "the " + kind + " itself"
	}
	return "the job template"
}

// Together groups the entries that are at the same place and belong to the same other place.
func Together(misplaced []Misplaced) [][]Misplaced {
	var groups [][]Misplaced
	for _, m := range misplaced {
		i := slices.IndexFunc(groups, func(g []Misplaced) bool {
			return g[0].Where == m.Where && g[0].Owner == m.Owner && g[0].IsLabel == m.IsLabel
		})
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// MisplacedText returns one sentence about a group of Together.
func MisplacedText(group []Misplaced) string {
	first := group[0]
	subject, stands, reads, belongs := message.Quote(first.Key), "stands", "it", "it belongs"
	if n := len(group) - 1; n > 0 {
		subject, stands, reads, belongs = fmt.Sprintf("%s and %d more", subject, n), "stand", "them", "they belong"
	}
	return fmt.Sprintf("%s %s in %s of %s, where nobody reads %s; %s in %s",
		subject, stands, first.Where, first.Owner, reads, belongs, first.Belongs)
}
