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
				case slices.Contains(templateFields, p.name) && isPodTemplate(o.named(child.node)):
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

// isPodTemplate reports whether a value has a spec with containers, all of which have names.
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

// named returns a pod template with the names that Knative gives to containers without one.
func (o object) named(template *yaml.Node) *yaml.Node {
	spec := Resolve(field(template, "spec"))
	containers := Resolve(field(spec, "containers"))
	if o.group() != "serving.knative.dev" || containers == nil || containers.Kind != yaml.SequenceNode {
		return template
	}
	list := *containers
	list.Content = slices.Clone(list.Content)
	for i, c := range list.Content {
		if written, ok := stringValue(field(c, "name")); Resolve(c).Kind != yaml.MappingNode || ok && written != "" {
			continue
		}
		name := "user-container"
		if len(list.Content) > 1 {
			name += "-" + strconv.Itoa(i)
		}
		list.Content[i] = with(Resolve(c), "name", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name})
	}
	return with(Resolve(template), "spec", with(spec, "containers", &list))
}

// with returns a copy of a mapping that has another value for a name.
func with(mapping *yaml.Node, name string, value *yaml.Node) *yaml.Node {
	changed := *mapping
	changed.Content = slices.Clone(mapping.Content)
	for i := 0; i+1 < len(changed.Content); i += 2 {
		if key, _ := keyText(changed.Content[i]); key == name {
			changed.Content[i+1] = value
			return &changed
		}
	}
	changed.Content = append(changed.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, value)
	return &changed
}

// Mentions returns, for each object, the first key of any mapping in it that is a label or annotation of the
// injector and stands where nobody looks for one: not in a pod or pod template, nor at a level above one.
// Faults are not reported: Pods reports them.
func (s *Stream) Mentions() []Mention {
	var found []Mention
	for _, doc := range s.Documents {
		_ = doc.objects(func(o object) *Error {
			if o.group() == domain || o.group() == "" && o.kind == "Namespace" {
				return nil
			}
			looked, err := o.lookedAt()
			if err != nil {
				return nil
			}
			if key := mention(o.node, looked); key != nil {
				meta, _ := o.metadata(o.node)
				found = append(found, Mention{Document: doc, Kind: o.kind, Name: meta.name, Key: key.Value, Line: key.Line, Column: key.Column})
			}
			return nil
		})
	}
	return found
}

// lookedAt returns the values of an object in which the injector's labels and annotations are read, or
// reported as misplaced: its pod templates, and around them what holds labels and annotations, or is mistaken
// for that.
func (o object) lookedAt() (map[*yaml.Node]bool, *Error) {
	var pods []Pod
	if path, known := templatePaths[o.group()][o.kind]; known {
		pod, err := o.pod(path)
		if err != nil {
			return nil, err
		}
		if pod != nil {
			pods = append(pods, *pod)
		}
	} else {
		var err *Error
		if pods, err = o.templates(); err != nil {
			return nil, err
		}
	}
	looked := map[*yaml.Node]bool{}
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) { // and at what is merged into it, or an alias in it stands for
		if n = Resolve(n); n != nil && !looked[n] {
			looked[n] = true
			for _, child := range n.Content {
				look(child)
			}
		}
	}
	for _, pod := range pods {
		level := o.node
		for _, token := range append(strings.Split(strings.TrimPrefix(pod.Pointer, o.pointer), "/")[1:], "") {
			for _, name := range []string{"metadata", "labels", "annotations"} {
				look(field(level, name))
			}
			if token != "" {
				level = Resolve(Child(level, token))
			}
		}
		look(level)
	}
	return looked, nil
}

// mention returns the first key within a value that is a label or annotation of the injector for pods; nil if
// there is none. The values in looked, and selectors, which name the labels of other objects, are left out.
func mention(n *yaml.Node, looked map[*yaml.Node]bool) *yaml.Node {
	n = Resolve(n)
	if looked[n] {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			if key := mention(item, looked); key != nil {
				return key
			}
		}
	}
	for key, value := range Pairs(n) {
		if key.Value == "selector" || key.Value == "matchLabels" {
			continue
		}
		prefix, name, _ := strings.Cut(key.Value, "/")
		if prefix == domain && (name == "inject" || name == "injection") || strings.HasSuffix(prefix, "."+domain) && name != "" {
			return key
		}
		if key := mention(value, looked); key != nil {
			return key
		}
	}
	return nil
}
