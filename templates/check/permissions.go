package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// permissions reports permissions with a missing part or an invalid namespace.
func permissions(s *Sample) []templates.Finding {
	var found found
	at := specPath().Member("permissions")
	found.unmet(s, requirement.Check(s.Permissions, shape.Template().Permissions, at))
	for i, o := range program.Objects(s.Permissions) {
		for _, field := range []string{"apiGroups", "resources", "verbs"} {
			value, there := o.Get(field)
			if list, _ := value.([]any); there && len(list) == 0 && !s.Incomplete {
				found.fault(s.place(at.Item(i).Member(field)), templates.BadValue, "", "the list is empty, so nothing is needed")
			}
			for j, text := range o.List(field) {
				if text == "" && field != "apiGroups" {
					found.fault(s.place(at.Item(i).Member(field).Item(j)), templates.BadValue, "", "the text is empty")
				}
			}
		}
		for j, value := range o.List("namespaces") {
			name, _ := value.(string)
			if name != v1alpha1.EveryNamespace && !templates.IsLabel(name) {
				found.fault(s.place(at.Item(i).Member("namespaces").Item(j)), templates.BadName, "a namespace's name, or * for all of them", "%s cannot name a namespace", message.Quote(name))
			}
		}
	}
	return found.list
}
