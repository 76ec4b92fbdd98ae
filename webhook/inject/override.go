package inject

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// override is what the pod overrides in one container of the template: a partial container, and the
// annotation that holds it.
type override struct {
	patch program.Object
	place string
}

// onlyContainer is the key of the override for a template that has one container.
const onlyContainer = ""

// readOverride reads an instance's override annotation. The key is the container's name as written in the
// template, or onlyContainer. It returns nil if there is no override.
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
		fix := "write container fields as YAML without anchors, such as: resources: {limits: {memory: 64Mi}}"
		if at := (*manifest.Error)(nil); errors.As(err, &at) {
			err, fix = fmt.Errorf("line %d: %s", at.Line, at.Message), cmp.Or(templates.Unfilled(g.text), at.Hint, fix)
		}
		return nil, bad(err.Error(), fix)
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
			faults = append(faults, bad(fmt.Sprintf("the template has no container %s", message.Quote(key.Value)),
				"the template has several containers, so each field stands under its container's name: "+listed(names))...)
			continue
		}
		if value.Kind != yaml.MappingNode {
			faults = append(faults, bad(fmt.Sprintf("%s is not a mapping", message.Quote(key.Value)), "write container fields under it")...)
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

// readFields reads the override of one container. It may have only fields that the template allows and that
// a container has.
func readFields(c *candidate, fields *yaml.Node, place string) (override, []Fault) {
	var faults faultList
	bad := func(message, fix string) {
		faults.add(Fault{Reason: BadOverride, Instance: c.asked.instance, Place: place, Message: message, Fix: fix})
	}
	for key, value := range manifest.Pairs(fields) {
		if slices.Contains(c.template.Overrides, key.Value) {
			continue
		}
		fix := "the template allows none"
		if len(c.template.Overrides) > 0 {
			fix = "the template allows " + strings.Join(c.template.Overrides, ", ")
			if field, within, dotted := strings.Cut(key.Value, "."); dotted && slices.Contains(c.template.Overrides, field) {
				parts := strings.Split(message.Printable(within), ".")
				fix = fmt.Sprintf("write %s: {%s: …%s", field, strings.Join(parts, ": {"), strings.Repeat("}", len(parts)))
			} else if near := nearest(key.Value, c.template.Overrides); near != "" {
				fix = fmt.Sprintf("did you mean %s? %s", near, fix)
			} else if _, known := schema.Container().Field(key.Value); !known {
				if hint := schema.Container().HintFor(key.Value); hint != "" {
					fix = hint + " " + fix
				} else if value.Kind == yaml.MappingNode && len(c.template.ContainerNames()) == 1 {
					fix = "the template has one container: write its fields without its name; " + fix
				}
			}
		}
		bad(fmt.Sprintf("field %s may not be overridden", message.Quote(key.Value)), fix)
		if faults.more {
			break
		}
	}
	if len(faults.told) > 0 {
		return override{}, faults.told
	}
	for _, wrong := range schema.Container().CheckYAML(fields, nil) {
		bad(wrong.Error(), wrong.Hint)
	}
	patch, err := program.ObjectFromJSON(manifest.JSON(fields))
	if err != nil { // a number that fits no field
		bad(err.Error(), "write a value that the field takes")
	}
	if at := nullIn(patch); at != "" {
		bad(at+" is null, which would remove what the template sets", "write the value that it should have, or leave it out")
	}
	return override{patch: patch, place: place}, faults.told
}

// nullIn returns the path of the first null in a value; "" if there is none.
func nullIn(value any) string {
	switch v := value.(type) {
	case program.Object:
		for _, m := range v {
			switch at := nullIn(m.Value); {
			case m.Value == nil:
				return m.Name
			case strings.HasPrefix(at, "["):
				return m.Name + at
			case at != "":
				return m.Name + "." + at
			}
		}
	case []any:
		for i, item := range v {
			switch at := nullIn(item); {
			case item == nil:
				return fmt.Sprintf("[%d]", i)
			case at != "":
				return fmt.Sprintf("[%d].%s", i, at)
			}
		}
	}
	return ""
}

// overrideOf returns the override of the container with this name in the template.
func overrideOf(overrides map[string]override, name string) (override, bool) {
	if o, ok := overrides[onlyContainer]; ok {
		return o, true
	}
	o, ok := overrides[name]
	return o, ok
}

// applyOverride merges the pod's fields into a container like a strategic merge patch; the order of the
// container's fields is kept.
func (j *job) applyOverride(c *candidate, container program.Object, name string, overrides map[string]override, before []templates.Unmet) (program.Object, []Fault) {
	o, ok := overrideOf(overrides, name)
	if !ok {
		return container, nil
	}
	merged, err := mergeContainer(container, o.patch)
	if err != nil {
		return container, []Fault{{Reason: BadOverride, Instance: c.asked.instance, Place: o.place,
			Message: err.Error(),
			Fix:     "give every item of a list the field that tells it from the others: name, or containerPort, mountPath, devicePath"}}
	}
	var faults faultList
	for _, wrong := range checkContainer(merged) {
		if i := slices.IndexFunc(before, func(u templates.Unmet) bool { return u.Container == name && u.Error() == wrong.message }); i >= 0 {
			faults.add(j.refused(c, &before[i])) // the override did not bring it
			continue
		}
		faults.add(Fault{Reason: BadOverride, Instance: c.asked.instance, Place: o.place, Message: "with it, " + wrong.message, Fix: wrong.fix})
	}
	return merged, faults.told
}
