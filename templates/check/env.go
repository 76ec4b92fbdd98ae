package check

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// env reports variables that a container defines twice or that have both value and valueFrom, joined
// variables with a valueFrom, and invalid names.
func env(s *Sample) []templates.Finding {
	var found found
	for _, c := range s.withApp() {
		names := map[string]program.Side{}
		for i, variable := range program.Objects(c.fields.List("env")) {
			at := c.at.Member("env").Item(i)
			name := variable.Text("name")
			if name == "" {
				continue
			}
			join := program.NotJoined
			if c.app && i < len(s.AppVariables) {
				join = s.AppVariables[i].Join.Side
			}
			// One name may have both a $prepend and an $append value.
			if before, twice := names[name]; twice && (before == join || before == program.NotJoined || join == program.NotJoined) {
				found.fault(s.place(at.Member("name")), templates.DuplicateName, "", "variable %s is there twice", message.Quote(name))
			} else if faults := validation.IsRelaxedEnvVarName(name); len(faults) > 0 {
				found.fault(s.place(at.Member("name")), templates.BadName, faults[0], "%s cannot name a variable", message.Quote(name))
			}
			names[name] = join
			if _, from := variable.Get("valueFrom"); from && join != program.NotJoined {
				found.fault(s.place(at), templates.BadValue, "give it a value, or drop $append or $prepend", "variable %s has a valueFrom, which cannot be joined to anything", message.Quote(name))
			}
			if value, ok := variable.Get("value"); ok && value != "" {
				if _, both := variable.Get("valueFrom"); both {
					found.fault(s.place(at), templates.BadValue, "keep one of them", "variable %s has value and valueFrom", message.Quote(name))
				}
			}
		}
	}
	return found.list
}
