package check

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// nodes warns of containers that the API server takes and that no node, or hardly one, starts.
func nodes(s *Sample) []templates.Finding {
	var found found
	for _, c := range s.containers() {
		warn := func(place program.Place, hint, format string, args ...any) {
			found.add(templates.SeverityWarning, place, templates.BadValue, hint, fmt.Sprintf(format, args...))
		}
		if scheme, rest, is := strings.Cut(c.fields.Text("image"), "://"); is {
			warn(s.place(c.at.Member("image")), "leave it out: "+message.Word(rest), "an image has no scheme %s", message.Quote(scheme+"://"))
		}
		context, at := c.fields.Object("securityContext"), c.at.Member("securityContext")
		user, _ := context.Get("runAsUser")
		if other, _ := context.Get("runAsNonRoot"); user == int64(0) && other == true {
			warn(s.place(at.Member("runAsNonRoot")), "give it another user, or leave runAsNonRoot out", "runAsNonRoot keeps a container from starting whose runAsUser is 0")
		}
		for _, field := range []string{"add", "drop"} {
			for i, item := range context.Object("capabilities").List(field) {
				name, _ := item.(string)
				if short, long := strings.CutPrefix(name, "CAP_"); long {
					warn(s.place(at.Member("capabilities").Member(field).Item(i)), "write "+message.Word(short), "Kubernetes writes capabilities without CAP_: %s", message.Quote(name))
				}
			}
		}
		for _, field := range []string{"requests", "limits"} {
			for _, m := range c.fields.Object("resources").Object(field) {
				text, _ := m.Value.(string)
				if digits, thousandths := strings.CutSuffix(text, "m"); thousandths && (m.Name == "memory" || m.Name == "ephemeral-storage") {
					warn(s.place(c.at.Member("resources").Member(field).Member(m.Name)), fmt.Sprintf("write %sM or %sMi", digits, digits), "%s is in thousandths of a byte", message.Quote(text))
				}
			}
		}
	}
	return found.list
}
