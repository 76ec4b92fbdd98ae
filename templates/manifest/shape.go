package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// templateFields are the fields that hold pod templates in kinds that are not in templatePaths, such as
// Argo's Rollout, OpenKruise's CloneSet and JobSet.
var templateFields = []string{"template", "podTemplate"}

// templates returns the pod templates anywhere in an object of a kind that is not in templatePaths.
func (o object) templates() ([]Pod, *Error) {
	if o.group() == domain {
		return nil, nil // a sidecar template contains only a part of a pod
	}
	var pods []Pod
	var visit func(at object) *Error
	visit = func(at object) *Error {
		at.node = Resolve(at.node)
		switch at.node.Kind {
		case yaml.SequenceNode:
			for i, item := range at.node.Content {
				if err := visit(object{doc: o.doc, node: item, pointer: at.pointer + "/" + strconv.Itoa(i)}); err != nil {
					return err
				}
			}
		case yaml.MappingNode:
			for _, p := range pairs(at.node) {
				child := object{doc: o.doc, node: Resolve(p.value), pointer: at.pointer + "/" + p.name}
				switch {
				case strings.ContainsAny(p.name, "/~"): // not a field of a workload
				case slices.Contains(templateFields, p.name) && isPodTemplate(child.node):
					pod, err := o.podAt(child)
					if err != nil {
						return err
					}
					pods = append(pods, *pod)
				default:
					if err := visit(child); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	err := visit(o)
	return pods, err
}

// isPodTemplate reports whether a value has a spec with containers, all of which have names. In kinds whose
// containers may lack names, such as Knative's Service, the value is not passed to the API server as a pod
// unchanged.
func isPodTemplate(n *yaml.Node) bool {
	containers := Resolve(field(field(n, "spec"), "containers"))
	if containers == nil || containers.Kind != yaml.SequenceNode || len(containers.Content) == 0 {
		return false
	}
	return !slices.ContainsFunc(containers.Content, func(c *yaml.Node) bool {
		name, ok := stringValue(field(c, "name"))
		return !ok || name == ""
	})
}

// Mention is a label or annotation of the injector outside of any pod.
type Mention struct {
	Document *Document
	// Kind and Name are those of the object that contains it.
	Kind, Name, Key string
	Line, Column    int
}

// Mentions returns, for each object without pods, the first key of any mapping in it that is a label or
// annotation of the injector. Faults are not reported: Pods reports them.
func (s *Stream) Mentions() []Mention {
	var found []Mention
	for _, doc := range s.Documents {
		_ = doc.objects(func(o object) *Error {
			if _, known := templatePaths[o.group()][o.kind]; known || o.group() == domain || o.group() == "" && o.kind == "Namespace" {
				return nil
			}
			if pods, err := o.templates(); err != nil || len(pods) > 0 {
				return nil
			}
			if key := mention(o.node); key != nil {
				meta, _ := o.metadata(o.node)
				found = append(found, Mention{Document: doc, Kind: o.kind, Name: meta.name, Key: key.Value, Line: key.Line, Column: key.Column})
			}
			return nil
		})
	}
	return found
}

// mention returns the first key within a value that is a label or annotation of the injector for pods; nil if
// there is none.
func mention(n *yaml.Node) *yaml.Node {
	n = Resolve(n)
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			if key := mention(item); key != nil {
				return key
			}
		}
	}
	for key, value := range Pairs(n) {
		prefix, name, _ := strings.Cut(key.Value, "/")
		if prefix == domain && (name == "inject" || name == "injection") || strings.HasSuffix(prefix, "."+domain) && name != "" {
			return key
		}
		if key := mention(value); key != nil {
			return key
		}
	}
	return nil
}
