package check

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// env refuses variables that a container has twice, that have two values, and names that cannot
// name one.
func env(s *Sample) []templates.Finding {
	var found found
	for _, c := range s.withApp() {
		names := map[string]bool{}
		for i, item := range c.fields.List("env") {
			variable, _ := item.(program.Object)
			at := c.at.Member("env").Item(i)
			name := variable.Text("name")
			if name == "" {
				continue
			}
			if names[name] {
				found.fault(s.place(at.Member("name")), templates.DuplicateName, "", "variable %s is there twice", message.Quote(name))
			} else if faults := validation.IsRelaxedEnvVarName(name); len(faults) > 0 {
				found.fault(s.place(at.Member("name")), templates.BadName, faults[0], "%s cannot name a variable", message.Quote(name))
			}
			names[name] = true
			if value, ok := variable.Get("value"); ok && value != "" {
				if _, both := variable.Get("valueFrom"); both {
					found.fault(s.place(at), templates.BadValue, "keep one of them", "variable %s has value and valueFrom", message.Quote(name))
				}
			}
		}
	}
	return found.list
}
