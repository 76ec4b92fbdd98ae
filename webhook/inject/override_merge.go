package inject

import (
	"errors"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Containers are merged as a strategic merge patch of Kubernetes would do it: objects member by member,
// four lists item by item, everything else replaced. The library for that compares each item of a list with
// each other (seconds for some thousand variables of a template); here an item is found by its key. A test
// compares the results with the library's.

// mergeKey returns the member that identifies the items of a container's list (patchMergeKey in
// k8s.io/api/core/v1); "" for a list that is replaced as a whole, and for anything that is not a list.
func mergeKey(field string) string {
	switch field {
	case "env":
		return "name"
	case "ports":
		return "containerPort"
	case "volumeMounts":
		return "mountPath"
	case "volumeDevices":
		return "devicePath"
	}
	return ""
}

var errNoKey = errors.New("an item of a list cannot be told from the others")

// mergeContainer returns the container with the patch applied. Existing members and items keep their order
// and new ones are appended; new members are sorted by name.
func mergeContainer(container, patch program.Object) (program.Object, error) {
	return mergeObjects(container, patch, mergeKey)
}

func mergeObjects(base, patch program.Object, key func(field string) string) (program.Object, error) {
	var at table[string, int]
	out := slices.Clone(base)
	for i := range out {
		at.add(out[i].Name, i)
	}
	for _, m := range program.Sorted(patch).(program.Object) {
		i, there := at.find(m.Name)
		var own any
		if there {
			own = out[i].Value
		}
		value, err := mergeValues(own, m.Value, key(m.Name))
		switch {
		case err != nil:
			return nil, err
		case there:
			out[i].Value = value
		default:
			out = append(out, program.Member{Name: m.Name, Value: value})
		}
	}
	return out, nil
}

func mergeValues(base, patch any, key string) (any, error) {
	switch patch := patch.(type) {
	case program.Object:
		own, _ := base.(program.Object)
		return mergeObjects(own, patch, func(string) string { return "" })
	case []any:
		own, _ := base.([]any)
		if key != "" {
			return mergeItems(own, patch, key)
		}
		return alike(patch, own), nil
	}
	return patch, nil
}

// mergeItems merges the items of a patch into a list by their keys.
func mergeItems(base, patch []any, key string) ([]any, error) {
	var at table[string, int]
	for i, item := range slices.Backward(base) { // so that find returns the first item of a key
		object, _ := item.(program.Object)
		if value, ok := object.Get(key); ok {
			at.add(string(program.AppendJSON(nil, value)), i)
		}
	}
	out := slices.Clone(base)
	for _, object := range program.Objects(patch) {
		value, ok := object.Get(key)
		if !ok {
			return nil, errNoKey
		}
		name := string(program.AppendJSON(nil, value))
		if i, there := at.find(name); there {
			own, _ := out[i].(program.Object)
			merged, err := mergeObjects(own, object, func(string) string { return "" })
			if err != nil {
				return nil, err
			}
			out[i] = merged
			continue
		}
		at.add(name, len(out))
		out = append(out, alike([]any{object}, base)[0])
	}
	return out, nil
}

// alike returns new items with their members in the order of the list's last item; members that it does not
// have are sorted by name.
func alike(items, model []any) []any {
	var like program.Object
	if len(model) > 0 {
		like, _ = model[len(model)-1].(program.Object)
	}
	out := make([]any, len(items))
	for i, item := range items {
		object, ok := item.(program.Object)
		if !ok {
			out[i] = item
			continue
		}
		out[i] = inOrderOf(object, like)
	}
	return out
}

// inOrderOf sorts the members of an object in the order of the model's; other members follow, sorted by
// name.
func inOrderOf(object, model program.Object) program.Object {
	var at table[string, int]
	for i := range model {
		at.add(model[i].Name, i)
	}
	out := program.Sorted(object).(program.Object)
	slices.SortStableFunc(out, func(a, b program.Member) int {
		return rankOf(&at, a.Name, len(model)) - rankOf(&at, b.Name, len(model))
	})
	return out
}

func rankOf(at *table[string, int], name string, behind int) int {
	if i, ok := at.find(name); ok {
		return i
	}
	return behind
}
