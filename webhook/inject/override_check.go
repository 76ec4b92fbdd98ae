package inject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// refusal is why the API server would refuse a container.
type refusal struct{ message, fix string }

// checkContainer returns what the API server would reject in a template's container after the pod's fields
// were merged into it.
func checkContainer(c program.Object) []refusal {
	var found []refusal
	for _, wrong := range schema.Container().CheckJSON(c, nil) {
		found = append(found, refusal{wrong.Error(), wrong.Hint})
	}
	for _, wrong := range requirement.Container(c) {
		found = append(found, refusal{wrong.Error(), remedy(&wrong)})
	}
	return found
}

// remedy returns the fix for a value that the API server would refuse.
func remedy(u *requirement.Unmet) string {
	return cmp.Or(u.Hint, "write it, or leave out what it is missing in")
}

// checkClaims checks that overrides refer only to resource claims that the pod declares.
func (j *job) checkClaims(c *candidate, overrides map[string]override) []Fault {
	declared := names(nil)
	var faults faultList
	for _, container := range slices.Sorted(maps.Keys(overrides)) {
		o := overrides[container]
		for i, claim := range program.Objects(o.patch.Object("resources").List("claims")) {
			if declared == nil {
				declared = j.pod.claims()
			}
			if name := claim.Text("name"); !declared[name] {
				faults.add(Fault{Reason: BadOverride, Instance: c.asked.instance, Place: o.place,
					Message: fmt.Sprintf("resources.claims[%d] names %s, which is none of the pod's resourceClaims", i, message.Quote(name)),
					Fix:     "declare it in spec.resourceClaims, or drop it"})
			}
		}
	}
	return faults.told
}

// claims returns the names of the pod's resourceClaims.
func (p *podView) claims() names {
	declared := names{}
	c := rawjson.New(rawjson.At(p.raw, []string{"spec", "resourceClaims"}))
	if c.Kind() == '[' {
		// The pod has been read before, so there is no error.
		_ = c.Items(func() error {
			raw, err := c.Raw()
			if name, ok := rawjson.Text(raw, "name"); ok {
				declared[name] = true
			}
			return err
		})
	}
	return declared
}
