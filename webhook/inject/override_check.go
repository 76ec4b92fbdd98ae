package inject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// refusal is why the API server would refuse a container.
type refusal struct{ message, fix string }

// checkContainer returns what the API server would reject in a template's container after the pod's fields
// were merged into it. The template's own fields were checked when it was loaded.
func checkContainer(c program.Object) []refusal {
	var found []refusal
	bad := func(fix, format string, args ...any) {
		found = append(found, refusal{fmt.Sprintf(format, args...), fix})
	}
	for _, wrong := range schema.Container().CheckJSON(c, nil) {
		bad(wrong.Hint, "%s", wrong.Error())
	}
	for _, wrong := range requirement.Check(c, schema.Container(), nil) {
		bad(cmp.Or(wrong.Hint, "write it, or leave out what it is missing in"), "%s", wrong.Error())
	}
	checkPortNames(c, bad)
	for _, item := range c.List("env") {
		checkVariable(item, bad)
	}
	return found
}

// checkPortNames checks that the names of ports are valid and that no name and no host port occurs twice.
func checkPortNames(c program.Object, bad func(fix, format string, args ...any)) {
	names, hosts := map[string]bool{}, map[string]bool{}
	for _, item := range c.List("ports") {
		port, _ := item.(program.Object)
		if name := port.Text("name"); name != "" {
			if wrong := validation.IsValidPortName(name); len(wrong) > 0 {
				bad(wrong[0], "%s cannot name a port", message.Quote(name))
			} else if names[name] {
				bad("give it another name", "port %s is there twice", message.Quote(name))
			}
			names[name] = true
		}
		if number, ok := port.Get("hostPort"); ok && number != int64(0) {
			host := fmt.Sprintf("%v %s %s", number, cmp.Or(port.Text("protocol"), "TCP"), port.Text("hostIP"))
			if hosts[host] {
				bad("choose another port", "host port %v is there twice", number)
			}
			hosts[host] = true
		}
	}
}

func checkVariable(item any, bad func(fix, format string, args ...any)) {
	variable, _ := item.(program.Object)
	name := variable.Text("name")
	if wrong := validation.IsRelaxedEnvVarName(name); len(wrong) > 0 {
		bad(wrong[0], "%s cannot name a variable", message.Quote(name))
	}
	if _, both := variable.Get("valueFrom"); both && variable.Text("value") != "" {
		bad("keep one of them; a variable of the template that has the other keeps it", "variable %s has value and valueFrom", message.Quote(name))
	}
}

// checkClaims checks that overrides refer only to resource claims that the pod declares.
func (j *job) checkClaims(c *candidate, overrides map[string]override) []Fault {
	declared := names(nil)
	var faults faultList
	for _, container := range slices.Sorted(maps.Keys(overrides)) {
		o := overrides[container]
		for i, item := range o.patch.Object("resources").List("claims") {
			if declared == nil {
				declared = j.pod.claims()
			}
			claim, _ := item.(program.Object)
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
			if name := textOf(rawjson.At(raw, []string{"name"})); name != nil {
				declared[*name] = true
			}
			return err
		})
	}
	return declared
}
