package offline

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Misplaced is a group of labels or annotations at one place of a workload that belong to another.
type Misplaced struct {
	Pod  manifest.Pod
	Keys []inject.Misplaced // at least one

	line, column int // position of the first key in the text of its workload
}

// Text returns a sentence that says where the keys are and where they belong.
func (g *Misplaced) Text() string { return inject.MisplacedText(g.Keys) }

// Position returns the position of the first key in the text of its workload.
func (g *Misplaced) Position() (line, column int) { return g.line, g.column }

// Asks reports whether a request is among them.
func (g *Misplaced) Asks() bool {
	return slices.ContainsFunc(g.Keys, func(m inject.Misplaced) bool { return m.Key == inject.RequestAnnotation })
}

// FindMisplaced returns the injector's labels and annotations in a workload that are at places where they
// have no effect.
func FindMisplaced(pod manifest.Pod) []Misplaced {
	var metadata []inject.Metadata
	for _, field := range levels(pod) {
		metadata = append(metadata, inject.Metadata{
			Field:       field,
			Labels:      scalars(metadataNode(pod, field, "labels")),
			Annotations: scalars(metadataNode(pod, field, "annotations")),
		})
	}
	var found []Misplaced
	for _, keys := range inject.Together(inject.FindMisplaced(pod.Kind, metadata, elsewhere(pod)...)) {
		group := Misplaced{Pod: pod, Keys: keys}
		if key, _ := manifest.Member(manifest.At(workload(pod), pointerTo(keys[0].Where)), keys[0].Key); key != nil {
			group.line, group.column = key.Line, key.Column
		}
		found = append(found, group)
	}
	return found
}

// elsewhere returns mappings around and in the pod template that are mistaken for labels or annotations,
// such as spec.annotations.
func elsewhere(pod manifest.Pod) []inject.Mapping {
	var prefixes []string
	for _, field := range levels(pod) {
		if field != "" {
			field += "."
		}
		prefixes = append(prefixes, field)
	}
	template := prefixes[len(prefixes)-1]
	var found []inject.Mapping
	add := func(field string) {
		if keys := scalars(manifest.At(workload(pod), pointerTo(field))); len(keys) > 0 {
			found = append(found, inject.Mapping{Field: field, Keys: keys})
		}
	}
	for _, prefix := range append(prefixes, template+"spec.") {
		add(prefix + "annotations")
		add(prefix + "labels")
		add(prefix + "metadata")
	}
	add(template + "spec.metadata.annotations")
	add(template + "spec.metadata.labels")
	return found
}

func metadataNode(pod manifest.Pod, field, list string) *yaml.Node {
	return manifest.At(workload(pod), pointerTo(field)+"/metadata/"+list)
}

// scalars returns the members of a mapping whose values are scalars.
func scalars(n *yaml.Node) map[string]string {
	found := map[string]string{}
	for key, value := range manifest.Pairs(n) {
		if value.Kind == yaml.ScalarNode {
			found[key.Value] = value.Value
		}
	}
	return found
}

// pointerTo returns a field path as a JSON pointer.
func pointerTo(field string) string {
	if field == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(field, ".", "/")
}

// PodMetadata returns the field of a workload that holds the labels or annotations of its pods.
func PodMetadata(pod manifest.Pod, list string) string {
	if field := templateField(pod); field != "" {
		return field + ".metadata." + list
	}
	return "metadata." + list
}

// Snippet returns the keys as lines of YAML at their right place.
func Snippet(keys []inject.Misplaced) []string {
	var lines []string
	indent := ""
	item := ""
	for _, name := range strings.Split(keys[0].Belongs, ".") {
		if _, err := strconv.Atoi(name); err == nil { // an item of a list
			item = "- "
			continue
		}
		lines = append(lines, indent+item+name+":")
		indent += "  " + strings.Repeat(" ", len(item))
		item = ""
	}
	for _, m := range keys {
		lines = append(lines, indent+m.Key+": "+manifest.Scalar(m.Value))
	}
	return lines
}
