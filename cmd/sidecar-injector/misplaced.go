package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// misplacement is one of our labels or annotations where nobody reads it: the
// commonest mistake of all is the annotation on a Deployment instead of its pod
// template.
type misplacement struct {
	key, value string
	isLabel    bool // what the key has to be, wherever it stands
	// where is the field that it stands in, such as metadata.annotations; owner what
	// that is the metadata of.
	where, owner string
	line, column int
	pod          manifest.Pod
}

// findMisplaced looks at the metadata of the workload, of all that lies between it
// and the pod template, and at labels and annotations that were taken for each other.
func findMisplaced(pod manifest.Pod) []misplacement {
	outer := outerPointer(pod)
	var found []misplacement
	path := strings.Split(templatePointer(pod.Kind), "/")
	for i := range path {
		pointer := outer + strings.Join(path[:i+1], "/")
		for _, field := range []string{"annotations", "labels"} {
			for key, value := range manifest.Pairs(at(pod.Document.Root, pointer+"/metadata/"+field)) {
				if value.Kind != yaml.ScalarNode {
					continue
				}
				isLabel, ours := readFromPod(key.Value)
				onPod := pointer == pod.Pointer
				if !ours || onPod && isLabel == (field == "labels") || present(pod, key.Value, isLabel) {
					continue
				}
				found = append(found, misplacement{
					key: key.Value, value: value.Value, isLabel: isLabel, line: key.Line, column: key.Column, pod: pod,
					where: fieldPath(strings.TrimPrefix(pointer, outer) + "/metadata/" + field), owner: ownerName(pod.Kind, strings.Join(path[:i+1], "/")),
				})
			}
		}
	}
	return found
}

// readFromPod says whether pods carry a key of ours, and whether it is a label.
func readFromPod(key string) (isLabel, ours bool) {
	domain, _, _ := strings.Cut(key, "/")
	switch {
	case key == inject.InjectionLabel:
		return true, true
	case key == inject.RequestAnnotation:
		return false, true
	}
	return false, strings.HasSuffix(domain, "."+inject.Domain) && !strings.HasPrefix(domain, "config.")
}

// present says whether the pod has the key where it belongs: then the other one is
// no mistake that matters.
func present(pod manifest.Pod, key string, isLabel bool) bool {
	found, _ := member(at(pod.Document.Root, pod.Pointer+"/metadata/"+listOf(isLabel)), key)
	return found != nil
}

func listOf(isLabel bool) string {
	if isLabel {
		return "labels"
	}
	return "annotations"
}

func ownerName(kind, pointer string) string {
	switch pointer {
	case "":
		return "the " + kind + " itself"
	case "/spec/jobTemplate":
		return "the job template"
	}
	return "the pod template"
}

func fieldPath(pointer string) string {
	return strings.ReplaceAll(strings.Trim(pointer, "/"), "/", ".")
}

// together groups what stands in one place and belongs to one other.
func together(misplaced []misplacement) [][]misplacement {
	var groups [][]misplacement
	for _, m := range misplaced {
		i := slices.IndexFunc(groups, func(g []misplacement) bool {
			return g[0].where == m.where && g[0].owner == m.owner && g[0].isLabel == m.isLabel
		})
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// misplacedText is one sentence for a group.
func misplacedText(group []misplacement) string {
	first := group[0]
	subject, stands, them := templates.Quote(first.key), "stands", "it"
	if n := len(group) - 1; n > 0 {
		subject, stands, them = fmt.Sprintf("%s and %d more", subject, n), "stand", "they"
	}
	reads := strings.Replace(them, "they", "them", 1)
	return fmt.Sprintf("%s %s in %s of %s, where nobody reads %s; %s %s in %s",
		subject, stands, first.where, first.owner, reads, them, strings.Replace(stands, "stand", "belong", 1), first.belongs())
}

// belongs is the field of the workload where the key would count.
func (m misplacement) belongs() string {
	return fieldPath(templatePointer(m.pod.Kind) + "/metadata/" + listOf(m.isLabel))
}

// snippet shows a group as the YAML that it should be.
func snippet(group []misplacement) []string {
	var lines []string
	indent := ""
	for _, name := range strings.Split(group[0].belongs(), ".") {
		lines = append(lines, indent+name+":")
		indent += "  "
	}
	for _, m := range group {
		lines = append(lines, indent+m.key+": "+plainOrQuoted(m.value))
	}
	return lines
}
