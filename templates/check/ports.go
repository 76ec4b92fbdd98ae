package check

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// namedPorts reports probes and hooks of a container that name a port which it does not declare: they never find
// it.
func namedPorts(s *Sample) []templates.Finding {
	var found found
	if s.Incomplete {
		return nil
	}
	for _, c := range s.containers() {
		var names []string
		for _, port := range program.Objects(c.fields.List("ports")) {
			names = append(names, port.Text("name"))
		}
		for _, h := range handlers(c) {
			name := h.fields.Text("port")
			if name == "" || slices.Contains(names, name) {
				continue
			}
			found.add(templates.SeverityWarning, s.place(h.at.Member("port")), templates.BadValue,
				message.DidYouMean(name, names, "declare it under ports of the container, or write the number"),
				"the container declares no port "+message.Quote(name))
		}
	}
	return found.list
}

// handlers returns what the probes and hooks of a container connect to.
func handlers(c container) []container {
	var all []container
	add := func(o program.Object, at *schema.Path) {
		for _, kind := range []string{"httpGet", "tcpSocket"} {
			if h := o.Object(kind); h != nil {
				all = append(all, container{fields: h, at: at.Member(kind)})
			}
		}
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		add(c.fields.Object(probe), c.at.Member(probe))
	}
	lifecycle := c.fields.Object("lifecycle")
	for _, hook := range []string{"postStart", "preStop"} {
		add(lifecycle.Object(hook), c.at.Member("lifecycle").Member(hook))
	}
	return all
}

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
