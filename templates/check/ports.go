package check

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// ports reports a port that two containers use, because the containers of a pod share one network namespace,
// and port names that are invalid or duplicate within a container.
func ports(s *Sample) []templates.Finding {
	var found found
	taken := map[string]string{} // from "8080/TCP" to the container's name
	host := map[string]bool{}
	for _, c := range s.containers() {
		names := map[string]bool{}
		for i, port := range program.Objects(c.fields.List("ports")) {
			at := c.at.Member("ports").Item(i)
			protocol := cmp.Or(port.Text("protocol"), "TCP")
			if number, ok := port.Get("containerPort"); ok {
				key := fmt.Sprintf("%v/%s", number, protocol)
				if other, clash := taken[key]; clash {
					found.fault(s.place(at), templates.PortClash, "containers of a pod share one network; choose another port", "port %s is taken by container %s", key, message.Quote(other))
				}
				taken[key] = c.fields.Text("name")
			}
			if number, ok := port.Get("hostPort"); ok && number != int64(0) {
				key := fmt.Sprintf("%v/%s", number, protocol)
				if host[key] {
					found.fault(s.place(at.Member("hostPort")), templates.PortClash, "", "host port %s is there twice", key)
				}
				host[key] = true
			}
			name := port.Text("name")
			if name == "" {
				continue
			}
			if names[name] {
				found.fault(s.place(at.Member("name")), templates.DuplicateName, "", "port %s is there twice", message.Quote(name))
			} else if faults := validation.IsValidPortName(name); len(faults) > 0 {
				found.fault(s.place(at.Member("name")), templates.BadName, faults[0], "%s cannot name a port", message.Quote(name))
			}
			names[name] = true
		}
	}
	return found.list
}
