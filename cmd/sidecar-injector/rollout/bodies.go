package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

type body = map[string]any

// imagePatch is the patch of the pod itself.
type imagePatch struct {
	uid, status string
	spec        body
}

// at returns the patch for one resource version of the pod, "" for any.
func (p imagePatch) at(version string) body {
	metadata := body{"uid": p.uid, "annotations": body{inject.StatusAnnotation: p.status}}
	if version != "" {
		metadata["resourceVersion"] = version
	}
	if len(p.spec) == 0 {
		return body{"metadata": metadata}
	}
	return body{"metadata": metadata, "spec": p.spec}
}

// patches returns the patch of the resize subresource, nil if no resources change, and that of the pod.
func patches(now *running) (resize body, image imagePatch, err error) {
	image = imagePatch{uid: now.target.UID, status: now.standing.Status, spec: body{}}
	for _, c := range now.changes {
		if c.Field == "image" {
			image.spec[listOf(c)] = append(containersOf(image.spec, listOf(c)), body{"name": c.Container, "image": c.To})
		}
	}
	spec, err := amounts(now.changes, func(c fleet.Change) string { return c.To })
	if len(spec) > 0 {
		resize = now.resize(spec)
	}
	return resize, image, err
}

// reverse returns the resize that restores the previous resources.
func reverse(now *running) (body, error) {
	spec, err := amounts(now.changes, func(c fleet.Change) string { return c.From })
	return now.resize(spec), err
}

func (now *running) resize(spec body) body {
	return body{"metadata": body{"uid": now.target.UID}, "spec": spec}
}

// amounts returns a spec with the cpu and memory of all changes; end selects the old or the new value.
func amounts(changes []fleet.Change, end func(fleet.Change) string) (body, error) {
	spec := body{}
	for _, c := range changes {
		if c.Field == "image" {
			continue
		}
		if err := setAmount(spec, listOf(c), c.Container, c.Field, end(c)); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// listOf returns the name of the list that has the container.
func listOf(c fleet.Change) string {
	if c.Init {
		return "initContainers"
	}
	return "containers"
}

// what names the most important thing that the patch changes, for messages.
func (p imagePatch) what() string {
	if len(p.spec) == 0 {
		return "status annotation"
	}
	return "image"
}

func containersOf(spec body, list string) []body {
	all, _ := spec[list].([]body)
	return all
}

// setAmount adds one amount of a container, such as requests.cpu, to a patch; "" removes it.
func setAmount(spec body, list, container, field, to string) error {
	kind, name, ok := strings.Cut(field, ".")
	if !ok {
		return fmt.Errorf("change of %s: want requests or limits, and of what", field)
	}
	all := containersOf(spec, list)
	i := slices.IndexFunc(all, func(c body) bool { return c["name"] == container })
	if i < 0 {
		all = append(all, body{"name": container, "resources": body{}})
		i = len(all) - 1
	}
	resources := all[i]["resources"].(body)
	if resources[kind] == nil {
		resources[kind] = body{}
	}
	var value any = to
	if to == "" {
		value = nil
	}
	resources[kind].(body)[name] = value
	spec[list] = all
	return nil
}
