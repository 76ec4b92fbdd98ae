package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// templateFields are the fields that pod templates stand under in the kinds that nobody listed:
// Argo's Rollout, OpenKruise's CloneSet, JobSet, and whatever comes.
var templateFields = []string{"template", "podTemplate"}

// templates are the pod templates anywhere in an object of a kind that nobody listed.
func (o object) templates() ([]Pod, *Error) {
	if o.group() == domain {
		return nil, nil // a template of ours holds part of a pod
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
				case strings.ContainsAny(p.name, "/~"): // no field of a workload
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

// isPodTemplate says whether a value has a spec with containers, all of which have names. Where they may
// have none, as with Knative, it is not the API server that makes pods of them.
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

// Mention is a label or annotation of the injector's that stands where no pod is looked for.
type Mention struct {
	Document *Document
	// Kind and Name are those of the object that it stands in.
	Kind, Name, Key string
	Line, Column    int
}

// Mentions are the first label or annotation of the injector's in each object without pods, wherever in it
// they stand as the key of a mapping. Faults are those of Pods, which tells them.
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

// mention is the first key of a mapping that is a label or annotation which pods carry for the injector.
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
