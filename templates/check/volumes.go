package check

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// volumes reports duplicate and invalid volume names, and names that Kubernetes reserves.
func volumes(s *Sample) []templates.Finding {
	var found found
	names := map[string]bool{}
	for i, volume := range program.Objects(s.Pod.Object("spec").List("volumes")) {
		name := volume.Text("name")
		if name == "" {
			continue // reported as missing
		}
		where := s.place(podPath().Member("spec").Member("volumes").Item(i).Member("name"))
		switch {
		case strings.HasPrefix(name, schema.TokenVolume):
			found.fault(where, templates.ReservedName, "", "volume %s belongs to Kubernetes, which makes it itself", message.Quote(name))
		case names[name]:
			found.fault(where, templates.DuplicateName, "", "volume %s is there twice", message.Quote(name))
		default:
			label(name, "a volume", where, &found)
		}
		names[name] = true
	}
	return found.list
}

// label reports a name that is no DNS label.
func label(name, whose string, where program.Place, found *found) {
	if program.ValidContainer(name) {
		return
	}
	hint := "lower-case letters, digits and - only"
	if len(name) > validation.DNS1123LabelMaxLength {
		hint = fmt.Sprintf("it has %d characters, at most 63 are allowed", len(name))
	}
	found.fault(where, templates.BadName, hint, "%s cannot name %s", message.Quote(name), whose)
}
