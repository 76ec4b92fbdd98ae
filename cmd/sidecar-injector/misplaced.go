package main

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// misplacedGroup is what stands in one place and belongs to one other, and where the
// first of it is in the text of its workload.
type misplacedGroup struct {
	pod          manifest.Pod
	keys         []inject.Misplaced
	line, column int
}

func (g *misplacedGroup) text() string { return inject.MisplacedText(g.keys) }

// findMisplaced looks for labels and annotations of ours that nobody reads.
func findMisplaced(pod manifest.Pod) []misplacedGroup {
	var levels []inject.Metadata
	for _, field := range inject.MetadataFields(pod.Kind) {
		levels = append(levels, inject.Metadata{
			Field:       field,
			Labels:      scalars(metadataNode(pod, field, "labels")),
			Annotations: scalars(metadataNode(pod, field, "annotations")),
		})
	}
	var found []misplacedGroup
	for _, keys := range inject.Together(inject.FindMisplaced(pod.Kind, levels)) {
		group := misplacedGroup{pod: pod, keys: keys}
		if key, _ := member(at(pod.Document.Root, outerPointer(pod)+pointerTo(keys[0].Where)), keys[0].Key); key != nil {
			group.line, group.column = key.Line, key.Column
		}
		found = append(found, group)
	}
	return found
}

// asksElsewhere says whether one of the groups holds a request.
func asksElsewhere(misplaced []misplacedGroup) bool {
	for _, group := range misplaced {
		for _, m := range group.keys {
			if m.Key == inject.RequestAnnotation {
				return true
			}
		}
	}
	return false
}

func metadataNode(pod manifest.Pod, field, list string) *yaml.Node {
	return at(pod.Document.Root, outerPointer(pod)+pointerTo(field)+"/metadata/"+list)
}

// scalars are the members of a mapping whose values are scalars.
func scalars(n *yaml.Node) map[string]string {
	found := map[string]string{}
	for key, value := range manifest.Pairs(n) {
		if value.Kind == yaml.ScalarNode {
			found[key.Value] = value.Value
		}
	}
	return found
}

// pointerTo is a field path as a JSON pointer.
func pointerTo(field string) string {
	if field == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(field, ".", "/")
}

// podMetadata is the field of a workload that the labels or annotations of its pods are in.
func podMetadata(kind, list string) string {
	if field := inject.TemplateField(kind); field != "" {
		return field + ".metadata." + list
	}
	return "metadata." + list
}

// snippet shows keys as the YAML that they should be.
func snippet(keys []inject.Misplaced) []string {
	var lines []string
	indent := ""
	for _, name := range strings.Split(keys[0].Belongs, ".") {
		lines = append(lines, indent+name+":")
		indent += "  "
	}
	for _, m := range keys {
		lines = append(lines, indent+m.Key+": "+plainOrQuoted(m.Value))
	}
	return lines
}
