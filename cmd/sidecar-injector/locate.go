package main

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// at is the value that a JSON pointer leads to, nil if there is none. Names without / and ~ only.
func at(n *yaml.Node, pointer string) *yaml.Node {
	n = manifest.Resolve(n)
	if pointer == "" {
		return n
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		if n = child(n, token); n == nil {
			return nil
		}
	}
	return n
}

// child is a member of a mapping or an item of a list, by its index or name.
func child(n *yaml.Node, token string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		return item(n, token)
	}
	_, value := member(n, token)
	return value
}

func item(list *yaml.Node, token string) *yaml.Node {
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(list.Content) {
		return manifest.Resolve(list.Content[i])
	}
	for _, n := range list.Content {
		if _, name := member(n, "name"); name != nil && name.Value == token {
			return manifest.Resolve(n)
		}
	}
	return nil
}

// member is a mapping's key and value, nil if it has no such key.
func member(n *yaml.Node, name string) (key, value *yaml.Node) {
	for k, v := range manifest.Pairs(n) {
		if k.Value == name {
			return k, v
		}
	}
	return nil, nil
}

// outerPointer is the JSON pointer of the workload that the pod is the template of.
func outerPointer(pod manifest.Pod) string {
	return strings.TrimSuffix(pod.Pointer, templatePointer(pod.Kind))
}

// templatePointer leads from a workload to its pod template; "" for a pod.
func templatePointer(kind string) string { return pointerTo(inject.TemplateField(kind)) }

// locate gives line and column of a field of the pod, written as in faults:
// metadata.annotations["key"], spec.containers[web].env. As much of it as is there
// counts; if nothing is, it is the workload's line, and the column is 0.
func locate(pod manifest.Pod, place string) (line, column int) {
	line = pod.Line
	n := at(pod.Document.Root, pod.Pointer)
	for _, token := range manifest.Tokens(place) {
		if n == nil {
			break
		}
		if n.Kind == yaml.SequenceNode {
			if n = item(n, token); n != nil {
				line, column = n.Line, n.Column
			}
			continue
		}
		var key *yaml.Node
		if key, n = member(n, token); key != nil {
			line, column = key.Line, key.Column
		}
	}
	return line, column
}
