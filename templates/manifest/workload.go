package manifest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Pod is a pod, or the pod template of a workload, somewhere in a stream.
type Pod struct {
	Document *Document
	// Pointer is the JSON pointer of the pod or pod template within the document: "",
	// /template, /spec/template, /items/3/spec/jobTemplate/spec/template.
	Pointer string
	// Workload is the JSON pointer of the workload, or of the pod itself if it has no workload.
	Workload string
	// APIVersion, Kind, Name and Namespace are the workload's; "" if absent.
	APIVersion, Kind, Name, Namespace string
	// Line is the line of the stream on which the workload begins.
	Line int
	// JSON is the pod or pod template, with all its fields, as a v1 Pod.
	JSON []byte
	// WorkloadAnnotations are those of the workload, nil if the pod has none.
	WorkloadAnnotations map[string]string

	node *yaml.Node // of JSON
}

// Written returns the pod's JSON with its numbers as they are written: see Document.Written.
func (p Pod) Written() []byte { return podJSON(p.node, p.Document.appendWritten) }

// ClaimVolumes returns the names of the volumes that the controller will add for volumeClaimTemplates beside
// the pod template, as that of a StatefulSet does.
func (p Pod) ClaimVolumes() []string {
	if p.Kind == "Pod" || p.Pointer == "" {
		return nil
	}
	claims := At(p.Document.Root, p.Pointer[:strings.LastIndexByte(p.Pointer, '/')]+"/volumeClaimTemplates")
	if claims == nil || claims.Kind != yaml.SequenceNode {
		return nil
	}
	var names []string
	for _, claim := range claims.Content {
		if name, ok := stringValue(field(field(claim, "metadata"), "name")); ok {
			names = append(names, name)
		}
	}
	return names
}

// Namespace is a v1 Namespace somewhere in a stream.
type Namespace struct {
	Document *Document
	// Pointer is the JSON pointer of the object within the document.
	Pointer             string
	Name                string
	Labels, Annotations map[string]string
	// Line is the line of the stream on which it begins.
	Line int
}

// Pods returns the pods and pod templates of a stream in its order, including those in Lists. In kinds that
// are not in templatePaths, any value under template or podTemplate with the shape of a pod template counts.
// Other kinds, and workloads without a pod template, are skipped. Errors, each an *Error, are documents that
// are no Kubernetes objects (empty documents are skipped), and workloads whose metadata, spec or container
// lists have the wrong type.
func (s *Stream) Pods() ([]Pod, error) {
	var pods []Pod
	for _, doc := range s.Documents {
		err := doc.objects(func(o object) *Error {
			path, known := templatePaths[o.group()][o.kind]
			if !known {
				found, err := o.templates()
				pods = append(pods, found...)
				return err
			}
			pod, err := o.pod(path)
			if pod != nil {
				pods = append(pods, *pod)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// Namespaces returns the Namespace objects of a stream in its order, including those in Lists. Errors are
// those of Pods, and Namespaces whose metadata has the wrong type.
func (s *Stream) Namespaces() ([]Namespace, error) {
	var namespaces []Namespace
	for _, doc := range s.Documents {
		err := doc.objects(func(o object) *Error {
			if o.group() != "" || o.kind != "Namespace" {
				return nil
			}
			meta, err := o.metadata(o.node)
			if err != nil {
				return err
			}
			namespaces = append(namespaces, Namespace{
				Document: doc, Pointer: o.pointer, Line: o.node.Line,
				Name: meta.name, Labels: meta.labels, Annotations: meta.annotations,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return namespaces, nil
}

// Object is an object of a stream.
type Object struct {
	Kind, Name, Namespace string // Namespace is "" if not set
	JSON                  []byte
}

// Objects returns the objects of an API group and some of its kinds in the stream's order, including those in
// Lists. Objects that cannot be read are skipped.
func (s *Stream) Objects(group string, kinds ...string) []Object {
	var found []Object
	for _, doc := range s.Documents {
		_ = doc.objects(func(o object) *Error {
			if o.group() != group || !slices.Contains(kinds, o.kind) {
				return nil
			}
			if meta, err := o.metadata(o.node); err == nil {
				found = append(found, Object{Kind: o.kind, Name: meta.name, Namespace: meta.namespace, JSON: JSON(o.node)})
			}
			return nil
		})
	}
	return found
}

// templatePaths has, by API group and kind, the path of the pod template in a workload. Kinds of the same
// name in other groups are different.
var templatePaths = map[string]map[string][]string{
	"": {
		"Pod":                   {},
		"PodTemplate":           {"template"},
		"ReplicationController": {"spec", "template"},
	},
	"apps": {
		"Deployment":  {"spec", "template"},
		"ReplicaSet":  {"spec", "template"},
		"StatefulSet": {"spec", "template"},
		"DaemonSet":   {"spec", "template"},
	},
	"extensions": {
		"Deployment": {"spec", "template"},
		"ReplicaSet": {"spec", "template"},
		"DaemonSet":  {"spec", "template"},
	},
	"batch": {
		"Job":     {"spec", "template"},
		"CronJob": {"spec", "jobTemplate", "spec", "template"},
	},
}

// object is one Kubernetes object: a document, or an item of a List.
type object struct {
	doc              *Document
	node             *yaml.Node
	pointer          string
	apiVersion, kind string
}

func (o object) group() string {
	group, _, found := strings.Cut(o.apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

// objects calls visit with the document's object, or with those of its items.
func (d *Document) objects(visit func(object) *Error) error {
	if d.Root == nil {
		return nil
	}
	if err := d.visitObject(d.Root, "", object{}, visit); err != nil {
		return err
	}
	return nil
}

// visitObject visits one object; defaults are the apiVersion and kind that items of a typed list may omit.
func (d *Document) visitObject(n *yaml.Node, pointer string, defaults object, visit func(object) *Error) *Error {
	place := n
	n = Resolve(n)
	if n.Kind != yaml.MappingNode {
		return d.at(place, fmt.Sprintf("%s is %s, want an object with apiVersion and kind", called(pointer, "document"), describe(n)), "")
	}
	o := object{doc: d, node: n, pointer: pointer}
	var err *Error
	if o.apiVersion, err = d.header(place, n, "apiVersion", defaults.apiVersion, pointer); err != nil {
		return err
	}
	if o.kind, err = d.header(place, n, "kind", defaults.kind, pointer); err != nil {
		return err
	}
	items, isList := o.list()
	if !isList {
		return visit(o)
	}
	list := field(n, "items")
	if isNull(list) {
		return nil
	}
	if Resolve(list).Kind != yaml.SequenceNode {
		return d.at(list, fmt.Sprintf("%s is %s, want a list", called(pointer+"/items", ""), describe(list)), "")
	}
	for i, item := range Resolve(list).Content {
		if err := d.visitObject(item, pointer+"/items/"+strconv.Itoa(i), items, visit); err != nil {
			return err
		}
	}
	return nil
}

// list reports whether the object is a List, or a typed list of workloads or Namespaces. items has the
// apiVersion and kind that an item may omit: none in a List, both in a typed list. A typed list of workloads
// may have apiVersion v1, as a List does, although the workloads are in another group.
func (o object) list() (items object, isList bool) {
	kind, isList := strings.CutSuffix(o.kind, "List")
	if !isList || kind == "" {
		return object{}, isList && o.apiVersion == "v1"
	}
	if _, workload := templatePaths[o.group()][kind]; workload || o.group() == "" && kind == "Namespace" {
		return object{apiVersion: o.apiVersion, kind: kind}, true
	}
	if o.apiVersion != "v1" {
		return object{}, false
	}
	for _, group := range []string{"apps", "batch"} {
		if _, workload := templatePaths[group][kind]; workload {
			return object{apiVersion: group + "/v1", kind: kind}, true
		}
	}
	return object{}, false
}

// header returns the apiVersion or kind of an object; missing is the default, "" if the field is required.
func (d *Document) header(place, n *yaml.Node, name, missing, pointer string) (string, *Error) {
	value := field(n, name)
	if isNull(value) {
		if missing == "" {
			return "", d.at(place, fmt.Sprintf("%s has no %s, want a Kubernetes object", called(pointer, "document"), name), d.rendered())
		}
		return missing, nil
	}
	text, ok := stringValue(value)
	if !ok || text == "" {
		return "", d.at(value, fmt.Sprintf("%s is %s, want a name", called(pointer+"/"+name, ""), describe(value)), "")
	}
	return text, nil
}

// rendered returns the hint for a file that a tool makes manifests of; "" for others.
func (d *Document) rendered() string {
	switch path.Base(d.File) {
	case "Chart.yaml", "values.yaml":
		return "it is of a Helm chart: give what helm template prints"
	case "kustomization.yaml", "kustomization.yml":
		return "give what kustomize build prints"
	}
	return ""
}

// field returns the value of a mapping's key, nil if there is none. It may be an alias.
func field(n *yaml.Node, name string) *yaml.Node {
	n = Resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for _, p := range pairs(n) {
		if p.name == name {
			return p.value
		}
	}
	return nil
}

// stringValue is the value of a string scalar.
func stringValue(n *yaml.Node) (string, bool) {
	n = Resolve(n)
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	value, err := resolveScalar(n)
	return value.text, err == nil && value.kind == stringScalar
}

// called converts a pointer to the notation of messages: spec.template, items[3].kind; "" becomes root.
func called(pointer, root string) string {
	if pointer == "" {
		return root
	}
	var b strings.Builder
	for _, part := range strings.Split(pointer[1:], "/") {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// describe returns a node's type for a message.
func describe(n *yaml.Node) string {
	n = Resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	value, _ := resolveScalar(n)
	switch value.kind {
	case nullScalar:
		return "null"
	case boolScalar:
		return "the boolean " + value.text
	case intScalar, floatScalar:
		return "the number " + n.Value
	case stringScalar:
	}
	return "the text " + message.Quote(value.text)
}
