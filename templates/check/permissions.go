package check

import (
	"regexp"
	"strings"

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
			for j, item := range o.List(field) {
				text, _ := item.(string)
				here := s.place(at.Item(i).Member(field).Item(j))
				if text == "" && field != "apiGroups" {
					found.fault(here, templates.BadValue, "", "the text is empty")
				} else if what, hint := unlikeRBAC(field, text); what != "" {
					found.add(templates.SeverityWarning, here, templates.BadValue, hint, what)
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

var apiVersion = regexp.MustCompile(`^v[0-9]+((alpha|beta)[0-9]+)?$`)

// unlikeRBAC says what is wrong with a text that no API group, resource or verb is written as; "" if nothing is.
func unlikeRBAC(field, text string) (what, hint string) {
	group, version, both := strings.Cut(text, "/")
	switch {
	case field == "apiGroups" && apiVersion.MatchString(text):
		return message.Quote(text) + " is a version, and no group", `write "" for the group of pods, services and the like`
	case field == "apiGroups" && both && apiVersion.MatchString(version):
		return message.Quote(text) + " is a group with a version", "write the group alone: " + message.Word(group)
	case field != "apiGroups" && strings.ToLower(text) != text:
		return message.Quote(text) + " has capital letters, and no " + strings.TrimSuffix(field, "s") + " has", "write it as kubectl api-resources -o wide lists it"
	}
	return "", ""
}
