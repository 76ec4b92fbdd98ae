package inject

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// override is what the pod sets in one container of the template: a partial
// container as JSON, and the annotation that it stands in.
type override struct {
	patch []byte
	place string
}

// onlyContainer is the key of the override of a template with one container.
const onlyContainer = ""

// readOverride reads an instance's override annotation: by container's name as
// written in the template, or under onlyContainer. Nil without one.
func readOverride(c *candidate, namespace string) (map[string]override, []Fault) {
	g, ok := lookup(c.given, overrideParameter)
	if !ok || strings.TrimSpace(g.text) == "" {
		return nil, nil
	}
	place := g.place(namespace)
	bad := func(message, fix string) []Fault {
		return []Fault{{Reason: BadOverride, Instance: c.asked.instance, Place: place, Message: message, Fix: fix}}
	}
	if len(g.text) > maxOverride {
		return nil, bad(fmt.Sprintf("it has %d bytes, more than %d", len(g.text), maxOverride), "shorten it")
	}
	root, err := overrideRoot(g.text)
	if err != nil {
		return nil, bad(err.Error(), "write container fields as YAML without anchors, such as: resources: {limits: {memory: 64Mi}}")
	}
	names := c.template.ContainerNames()
	if len(names) == 1 {
		o, faults := readFields(c, root, place)
		return map[string]override{onlyContainer: o}, faults
	}
	overrides := map[string]override{}
	var faults []Fault
	for key, value := range manifest.Pairs(root) {
		if !slices.Contains(names, key.Value) {
			faults = append(faults, bad(fmt.Sprintf("the template has no container %s", templates.Quote(key.Value)),
				"the template has several containers, so each field stands under its container's name: "+strings.Join(names, ", "))...)
			continue
		}
		if value.Kind != yaml.MappingNode {
			faults = append(faults, bad(fmt.Sprintf("%s is not a mapping", templates.Quote(key.Value)), "write container fields under it")...)
			continue
		}
		o, wrong := readFields(c, value, place)
		overrides[key.Value] = o
		faults = append(faults, wrong...)
	}
	return overrides, faults
}

func overrideRoot(text string) (*yaml.Node, error) {
	stream, err := manifest.Parse("", []byte(text))
	if err != nil {
		if at := (*manifest.Error)(nil); errors.As(err, &at) {
			return nil, fmt.Errorf("line %d: %s", at.Line, at.Message)
		}
		return nil, err
	}
	if len(stream.Documents) != 1 || stream.Documents[0].Root == nil || stream.Documents[0].Root.Kind != yaml.MappingNode {
		return nil, errors.New("it is not one YAML mapping")
	}
	root := stream.Documents[0].Root
	if hasAnchor(root) {
		return nil, errors.New("it has an anchor or alias")
	}
	return root, nil
}

func hasAnchor(n *yaml.Node) bool {
	return n.Anchor != "" || n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAnchor)
}

// readFields checks one container's part: only what the template allows, and
// only what a container has.
func readFields(c *candidate, fields *yaml.Node, place string) (override, []Fault) {
	var faults []Fault
	for key := range manifest.Pairs(fields) {
		if !slices.Contains(c.template.Overrides, key.Value) {
			fix := "the template allows none"
			if len(c.template.Overrides) > 0 {
				fix = "the template allows " + strings.Join(c.template.Overrides, ", ")
			}
			faults = append(faults, Fault{Reason: BadOverride, Instance: c.asked.instance, Place: place,
				Message: fmt.Sprintf("field %s may not be overridden", templates.Quote(key.Value)), Fix: fix})
		}
	}
	if len(faults) > 0 {
		return override{}, faults
	}
	for _, wrong := range schema.Container().CheckYAML(fields, nil) {
		faults = append(faults, Fault{Reason: BadOverride, Instance: c.asked.instance, Place: place, Message: wrong.Error(), Fix: wrong.Hint})
	}
	return override{patch: manifest.JSON(fields), place: place}, faults
}

// applyOverride merges the pod's fields into a container as a strategic merge
// patch does; the container's own order of fields stays.
func applyOverride(c *candidate, container templates.Object, name string, overrides map[string]override) (templates.Object, []Fault) {
	o, ok := overrides[onlyContainer]
	if !ok {
		o, ok = overrides[name]
	}
	if !ok {
		return container, nil
	}
	merged, err := strategicpatch.StrategicMergePatch(container.AppendJSON(nil), o.patch, corev1.Container{})
	var object templates.Object
	if err == nil {
		object, err = templates.ObjectFromJSON(merged)
	}
	if err != nil {
		// The merge names no place and repeats values: what it says is quoted and cut.
		return container, []Fault{{Reason: BadOverride, Instance: c.asked.instance, Place: o.place,
			Message: "an item of a list cannot be told from the others",
			Fix:     "give every item of a list the field that tells it from the others: name, or containerPort, mountPath, devicePath"}}
	}
	return inOrderOf(object, container), nil
}
