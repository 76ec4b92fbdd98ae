package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// containerLists are the fields of a pod's spec that hold containers.
var containerLists = []string{"initContainers", "containers", "ephemeralContainers"}

// pod finds and checks the pod template of a workload at the given path; nil if there is none.
func (o object) pod(path []string) (*Pod, *Error) {
	template := o
	var err *Error
	for _, name := range path {
		template.pointer += "/" + name
		value := field(template.node, name)
		if isNull(value) {
			return nil, nil
		}
		if template.node, err = template.mapping(value); err != nil {
			return nil, err
		}
	}
	return o.podAt(template)
}

// podAt checks the pod template of a workload, which may be the workload itself.
func (o object) podAt(template object) (*Pod, *Error) {
	meta, err := o.metadata(o.node)
	if err != nil {
		return nil, err
	}
	if template.node != o.node {
		if _, err := template.metadata(template.node); err != nil {
			return nil, err
		}
	}
	if err := template.checkSpec(); err != nil {
		return nil, err
	}
	node := o.named(template.node)
	pod := &Pod{
		Document: o.doc, Pointer: template.pointer, Workload: o.pointer, Line: o.node.Line,
		Kind: o.kind, Name: meta.name, Namespace: meta.namespace, JSON: podJSON(node, appendScalar), node: node,
	}
	pod.APIVersion, _ = stringValue(field(o.node, "apiVersion"))
	if template.node != o.node {
		pod.WorkloadAnnotations = meta.annotations
	}
	return pod, nil
}

func (o object) mapping(n *yaml.Node) (*yaml.Node, *Error) {
	if Resolve(n).Kind != yaml.MappingNode {
		return nil, o.doc.at(n, fmt.Sprintf("%s is %s, want a mapping", called(o.pointer, "document"), describe(n)), "")
	}
	return Resolve(n), nil
}

// checkSpec checks a pod's spec and its lists of containers.
func (o object) checkSpec() *Error {
	value := field(o.node, "spec")
	if isNull(value) {
		return nil
	}
	spec := object{doc: o.doc, pointer: o.pointer + "/spec"}
	var err *Error
	if spec.node, err = spec.mapping(value); err != nil {
		return err
	}
	for _, name := range containerLists {
		list := field(spec.node, name)
		if isNull(list) {
			continue
		}
		pointer := spec.pointer + "/" + name
		if Resolve(list).Kind != yaml.SequenceNode {
			return o.doc.at(list, fmt.Sprintf("%s is %s, want a list of containers", called(pointer, ""), describe(list)), "")
		}
		for i, item := range Resolve(list).Content {
			container := object{doc: o.doc, pointer: fmt.Sprintf("%s/%d", pointer, i)}
			if _, err := container.mapping(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// metadata is the part of an object's metadata that is read.
type metadata struct {
	name, namespace     string
	labels, annotations map[string]string
}

// metadata checks and reads the metadata of an object or pod template.
func (o object) metadata(n *yaml.Node) (metadata, *Error) {
	var meta metadata
	value := field(n, "metadata")
	if isNull(value) {
		return meta, nil
	}
	at := object{doc: o.doc, pointer: o.pointer + "/metadata"}
	var err *Error
	if at.node, err = at.mapping(value); err != nil {
		return meta, err
	}
	if meta.name, err = at.text("name"); err != nil {
		return meta, err
	}
	if meta.namespace, err = at.text("namespace"); err != nil {
		return meta, err
	}
	if meta.labels, err = at.texts("labels"); err != nil {
		return meta, err
	}
	meta.annotations, err = at.texts("annotations")
	return meta, err
}

// text returns the string in a field, "" if absent.
func (o object) text(name string) (string, *Error) {
	return o.textOf(called(o.pointer+"/"+name, ""), field(o.node, name))
}

// textOf returns the string of a value; name is used in messages.
func (o object) textOf(name string, value *yaml.Node) (string, *Error) {
	if isNull(value) {
		return "", nil
	}
	text, ok := stringValue(value)
	if !ok {
		hint := ""
		if n := Resolve(value); n.Kind == yaml.ScalarNode {
			hint = "write it in quotes: " + fmt.Sprintf("%q", n.Value)
		}
		return "", o.doc.at(value, fmt.Sprintf("%s is %s, want a string", name, describe(value)), hint)
	}
	return text, nil
}

// domain is that of the injector's labels and annotations, whose types are known.
const domain = "sidecar-injector.dev"

// hintOf returns a hint for the value of a label or annotation that is no string; "" if quoting it is enough.
func hintOf(key string, n *yaml.Node) string {
	value, _ := resolveScalar(n)
	isScalar := n.Kind == yaml.ScalarNode
	prefix, name, _ := strings.Cut(key, "/")
	switch {
	case prefix != domain && !strings.HasSuffix(prefix, "."+domain):
		return ""
	case key == domain+"/injection" && isScalar && value.kind == boolScalar:
		return "write " + key + ": " + map[string]string{"true": "enabled", "false": "disabled"}[value.text]
	case key == domain+"/inject" && n.Kind != yaml.SequenceNode:
		return "write names of templates: [instance=]template, separated by commas"
	case n.Kind == yaml.SequenceNode && plainItems(n) != "":
		return "write one text, the values separated by commas: " + fmt.Sprintf("%q", plainItems(n))
	case n.Kind == yaml.MappingNode && name != "":
		return "write a text of several lines: a | behind the colon"
	case n.Kind == yaml.MappingNode:
		entry := "PARAMETER: VALUE"
		if prefix == domain && len(n.Content) > 0 {
			entry = n.Content[0].Value + ": VALUE"
		}
		return "write each entry as an annotation of its own: " + key + "/" + entry
	case isScalar && prefix != domain && value.kind == intScalar:
		return fmt.Sprintf("write it in quotes: %q, or with a unit if it is a duration: %q", n.Value, n.Value+"s")
	}
	return ""
}

// plainItems joins a list of scalars by commas; "" for any other list.
func plainItems(n *yaml.Node) string {
	var items []string
	for _, item := range n.Content {
		if item = Resolve(item); item.Kind != yaml.ScalarNode {
			return ""
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ", ")
}

// texts returns the mapping of strings in a field, nil if absent.
func (o object) texts(name string) (map[string]string, *Error) {
	value := field(o.node, name)
	if isNull(value) {
		return nil, nil
	}
	at := object{doc: o.doc, pointer: o.pointer + "/" + name}
	node, err := at.mapping(value)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(node.Content)/2)
	for _, p := range pairs(node) {
		if texts[p.name], err = at.textOf(called(at.pointer, "")+"["+message.Quote(p.name)+"]", p.value); err != nil {
			if hint := hintOf(p.name, Resolve(p.value)); hint != "" {
				err.Hint = hint
			}
			return nil, err
		}
	}
	return texts, nil
}

// podJSON returns a pod template, or a pod, as the JSON of a v1 Pod.
func podJSON(n *yaml.Node, scalar appender) []byte {
	b := []byte(`{"apiVersion":"v1","kind":"Pod"`)
	for _, p := range pairs(n) {
		if p.name == "apiVersion" || p.name == "kind" {
			continue
		}
		b = append(b, ',')
		b = appendString(b, p.name)
		b = append(b, ':')
		b = appendJSON(b, p.value, scalar)
	}
	return append(b, '}')
}
