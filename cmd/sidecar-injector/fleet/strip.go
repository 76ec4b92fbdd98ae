package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// object is a JSON object, list a JSON list.
type (
	object = map[string]any
	list   = []any
)

// part returns the object at a path of members; nil if there is none.
func part(o object, names ...string) object {
	for _, name := range names {
		o, _ = o[name].(object)
	}
	return o
}

// items returns the objects in a list.
func items(o object, name string) []object {
	all, _ := o[name].(list)
	objects := make([]object, 0, len(all))
	for _, item := range all {
		if i, ok := item.(object); ok {
			objects = append(objects, i)
		}
	}
	return objects
}

func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// named returns the item of that name; nil if there is none.
func named(all []object, name string) object {
	for _, o := range all {
		if text(o, "name") == name {
			return o
		}
	}
	return nil
}

// configAnnotation is the prefix of the only annotations under the injector's domain that templates set.
const configAnnotation = inject.Domain + "/config."

// strip returns a pod without what its status lists, as it was written before injection. The argument is
// not modified; the result shares unchanged parts with it. What a template added to the app's containers
// other than mounts is kept, because the status does not list it. A generated name is removed: the API server
// generates it after the injection.
func strip(pod object, status inject.Status) object {
	containers, volumes, labels := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range status {
		for _, name := range e.ContainerNames() {
			containers[name] = true
		}
		for _, name := range e.Volumes {
			volumes[name] = true
		}
		for _, name := range e.Labels {
			labels[name] = true
		}
	}
	metadata, spec := copied(part(pod, "metadata")), copied(part(pod, "spec"))
	if generated(metadata) {
		delete(metadata, "name")
	}
	metadata["annotations"] = without(part(metadata, "annotations"), func(key string) bool {
		return key == inject.StatusAnnotation || strings.HasPrefix(key, configAnnotation)
	})
	if part(metadata, "labels") != nil {
		metadata["labels"] = without(part(metadata, "labels"), func(key string) bool { return labels[key] })
	}
	spec["volumes"] = kept(items(spec, "volumes"), volumes)
	for _, field := range []string{"initContainers", "containers"} {
		if _, there := spec[field]; !there {
			continue
		}
		rest := kept(items(spec, field), containers)
		for i, c := range rest {
			container := copied(c.(object))
			for _, mounts := range []string{"volumeMounts", "volumeDevices"} {
				if _, there := container[mounts]; there {
					container[mounts] = kept(items(container, mounts), volumes)
				}
			}
			rest[i] = container
		}
		spec[field] = rest
	}
	bare := copied(pod)
	bare["metadata"], bare["spec"] = metadata, spec
	delete(bare, "status")
	return bare
}

// generated reports whether the API server has generated a pod's name: at most 58 bytes of its generateName, and 5
// characters (k8s.io/apiserver/pkg/storage/names). A StatefulSet's pods have a generateName, and another name.
func generated(metadata object) bool {
	base := text(metadata, "generateName")
	end, found := strings.CutPrefix(text(metadata, "name"), base[:min(len(base), 58)])
	return base != "" && found && len(end) == 5 && strings.Trim(end, "bcdfghjklmnpqrstvwxz2456789") == ""
}

// blank returns a stripped pod without the fields of containers and the annotations that a template could
// have added, so that what an injection adds to the result comes from templates alone.
func blank(stripped object) object {
	metadata, spec := copied(part(stripped, "metadata")), copied(part(stripped, "spec"))
	metadata["annotations"] = without(part(metadata, "annotations"), func(key string) bool {
		return !strings.HasSuffix(strings.SplitN(key, "/", 2)[0], inject.Domain) && key != "kubectl.kubernetes.io/default-container"
	})
	for _, field := range []string{"initContainers", "containers"} {
		all := list{}
		for _, c := range items(spec, field) {
			container := copied(c)
			for _, name := range []string{"env", "envFrom", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} {
				delete(container, name)
			}
			all = append(all, container)
		}
		if len(all) > 0 {
			spec[field] = all
		}
	}
	pod := copied(stripped)
	pod["metadata"], pod["spec"] = metadata, spec
	return pod
}

func copied(o object) object {
	c := make(object, len(o)+1)
	maps.Copy(c, o)
	return c
}

func without(o object, drop func(key string) bool) object {
	c := copied(o)
	maps.DeleteFunc(c, func(key string, _ any) bool { return drop(key) })
	return c
}

// kept returns the objects whose name is none of the names.
func kept(all []object, names map[string]bool) list {
	rest := make(list, 0, len(all))
	for _, o := range all {
		if !names[text(o, "name")] {
			rest = append(rest, o)
		}
	}
	return rest
}

// apply returns the pod with the operations, all of which are of type add, applied. The argument is not
// modified.
func apply(pod object, operations []inject.Operation) (object, error) {
	var at any = pod
	for i := range operations {
		value, err := decode(operations[i].Value)
		if err != nil {
			return nil, fmt.Errorf("operation at %s: %w", operations[i].Path, err)
		}
		if at, err = added(at, operations[i].Tokens(), value); err != nil {
			return nil, fmt.Errorf("operation at %s: %w", operations[i].Path, err)
		}
	}
	after, _ := at.(object)
	return after, nil
}

// decodePod reads the JSON of a pod.
func decodePod(raw []byte) (object, error) {
	v, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	pod, ok := v.(object)
	if !ok {
		return nil, errors.New("pod: not a JSON object")
	}
	return pod, nil
}

// statusOf returns what a pod's status annotation lists.
func statusOf(pod object) (inject.Status, error) {
	return inject.ReadStatus(map[string]string{inject.StatusAnnotation: text(part(pod, "metadata", "annotations"), inject.StatusAnnotation)})
}

// decode reads JSON with int64 for integers.
func decode(raw []byte) (any, error) {
	var v any
	err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &v)
	return v, err
}

// added returns at with value inserted at a path, copying what it changes.
func added(at any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch at := at.(type) {
	case object:
		inner, err := added(at[path[0]], path[1:], value)
		after := copied(at)
		after[path[0]] = inner
		return after, err
	case list:
		if path[0] == "-" && len(path) == 1 {
			return append(slices.Clip(at), value), nil
		}
		index, err := strconv.Atoi(path[0])
		if err != nil || index < 0 || index > len(at) || index == len(at) && len(path) > 1 {
			return at, fmt.Errorf("no place %q in a list of %d", path[0], len(at))
		}
		if len(path) == 1 {
			return slices.Insert(slices.Clip(at), index, value), nil
		}
		after := slices.Clone(at)
		after[index], err = added(at[index], path[1:], value)
		return after, err
	}
	return at, fmt.Errorf("nothing there to hold %q", path[0])
}
