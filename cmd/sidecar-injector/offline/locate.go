package offline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// Workload returns the object in the manifest that is or contains the pod template.
func (a *Answer) Workload() *yaml.Node { return workload(a.Pod) }

func workload(pod manifest.Pod) *yaml.Node {
	return manifest.At(pod.Document.Root, pod.Workload)
}

// templateField returns the field of a workload that holds its pod template, such as spec.template; "" for
// a pod.
func templateField(pod manifest.Pod) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(pod.Pointer, pod.Workload), "/"), "/", ".")
}

// levels returns the fields of a workload from the workload itself, "", to its pod template, each within the one
// before it.
func levels(pod manifest.Pod) []string {
	template := templateField(pod)
	fields := []string{""}
	for at, c := range template {
		if c == '.' {
			fields = append(fields, template[:at])
		}
	}
	if template != "" {
		fields = append(fields, template)
	}
	return fields
}

// locate returns line and column of a field below root, written as in faults: metadata.annotations["key"],
// spec.containers[web].env. If only a part of the path exists, that is located; if none does, it returns
// the given line and column 0.
func locate(root *yaml.Node, line int, place string) (int, int) {
	column, n := 0, root
	for _, token := range manifest.Tokens(place) {
		if n == nil {
			break
		}
		if n.Kind == yaml.SequenceNode {
			if n = manifest.Child(n, token); n != nil {
				line, column = n.Line, n.Column
			}
			continue
		}
		var key *yaml.Node
		if key, n = manifest.Member(n, token); key != nil {
			line, column = key.Line, key.Column
		}
	}
	return line, column
}

// has reports whether a field of the pod, written as in faults, is in its text.
func (a *Answer) has(place string) bool {
	n := manifest.At(a.Pod.Document.Root, a.Pod.Pointer)
	for _, token := range manifest.Tokens(place) {
		n = manifest.Child(n, token)
	}
	return n != nil
}
