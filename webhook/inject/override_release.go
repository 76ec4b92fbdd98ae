package inject

import (
	"maps"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/release"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// tooNew checks overrides for fields and values that the cluster's Kubernetes does not have. It returns a
// fault if the API server would reject the pod, and adds a warning if it would only drop a field.
func (j *job) tooNew(c *candidate, overrides map[string]override) []Fault {
	kubernetes := j.settings.Kubernetes
	if kubernetes == nil {
		return nil
	}
	var faults faultList
	for _, container := range slices.Sorted(maps.Keys(overrides)) {
		o := overrides[container]
		newer(o.patch, schema.Container(), nil, func(at *schema.Path, typeName string, m program.Member) (lacks bool) {
			lacking, found := release.Find(kubernetes, typeName, m.Name, m.Value)
			switch {
			case found && lacking.Breaks(kubernetes):
				faults.add(Fault{Reason: BadOverride, Instance: c.asked.instance, Place: o.place,
					Message: at.String() + ": " + lacking.Text(kubernetes), Fix: lacking.Hint(kubernetes)})
			case found:
				j.warn("%s: %s: %s (%s)", o.place, at, lacking.Text(kubernetes), lacking.Hint(kubernetes))
			}
			return found
		})
	}
	return faults.told
}

// newer calls tell for each member of the objects in a value, and descends into a member unless tell
// reports that it is lacking.
func newer(value any, s *schema.Schema, at *schema.Path, tell func(at *schema.Path, typeName string, m program.Member) (lacks bool)) {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			newer(item, s.Elem, at.Item(i), tell)
		}
	case program.Object:
		for _, m := range v {
			f, ok := s.Field(m.Name)
			if !ok {
				continue // a key of a map
			}
			if !tell(at.Member(m.Name), s.Type, m) {
				newer(m.Value, f.Schema, at.Member(m.Name), tell)
			}
		}
	}
}
