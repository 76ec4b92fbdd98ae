package inject

import (
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// podPorts returns the ports of the pod's containers; status has the containers from an earlier injection.
func (p *podView) podPorts(status names) *portTable {
	if p.ports != nil {
		return p.ports
	}
	p.ports = &portTable{}
	n := 0
	for _, list := range [][]containerView{p.spec.InitContainers, p.spec.Containers} {
		for i := range list {
			n += len(list[i].Ports)
		}
	}
	p.ports.numbers.grow(n)
	for _, list := range [][]containerView{p.spec.InitContainers, p.spec.Containers} {
		for i := range list {
			view := &list[i]
			for k := range view.Ports {
				p.ports.add(heldPort{port: &view.Ports[k], container: view.Name, ours: status[view.Name]})
			}
		}
	}
	return p.ports
}

// portNumber is a port number and protocol, of a container or of a node.
type portNumber struct {
	number   int64
	protocol string
}

// heldPort is a port and the container that declares it.
type heldPort struct {
	port      *templates.Port
	container string
	by        string // the instance that adds the container; "" for one of the pod
	ours      bool   // in the pod, from an earlier injection
}

// portTable finds ports by container port, host port and name.
type portTable struct {
	numbers, hosts table[portNumber, heldPort]
	names          table[string, heldPort]
}

// add adds a port. If a container has several ports with the same key, the first is kept.
func (t *portTable) add(h heldPort) {
	number := portNumber{h.port.ContainerPort, h.port.Protocol}
	if last, ok := t.numbers.find(number); !ok || last.container != h.container {
		t.numbers.add(number, h)
	}
	if h.port.Name != "" {
		if last, ok := t.names.find(h.port.Name); !ok || last.container != h.container {
			t.names.add(h.port.Name, h)
		}
	}
	if h.port.HostPort != 0 {
		host := portNumber{h.port.HostPort, h.port.Protocol}
		if last, ok := t.hosts.find(host); !ok || last.container != h.container || last.port.HostIP != h.port.HostIP {
			t.hosts.add(host, h)
		}
	}
}

// length returns the number of entries of each table, for cut.
func (t *portTable) length() [3]int {
	return [3]int{len(t.numbers.entries), len(t.hosts.entries), len(t.names.entries)}
}

func (t *portTable) cut(length [3]int) {
	t.numbers.cut(length[0])
	t.hosts.cut(length[1])
	t.names.cut(length[2])
}

// checkPorts checks the ports of an injected container against those of the pod and of other instances,
// because all containers of a pod share one network.
func (t *trial) checkPorts(c *templates.Container) {
	if len(c.Ports) == 0 {
		return
	}
	pod := t.pod().podPorts(t.claims.job.owned)
	for i := range c.Ports {
		port := &c.Ports[i]
		number, host := portNumber{port.ContainerPort, port.Protocol}, portNumber{port.HostPort, port.Protocol}
		for taken := range pod.numbers.all(number) {
			t.checkPodPort(c, port, &taken)
			if t.stopped(1, "its ports") {
				return
			}
		}
		for taken := range t.claims.ports.numbers.all(number) {
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both listen on port %d/%s", message.Quote(c.Name), taken.who(), port.ContainerPort, port.Protocol),
				"give one of them another port")
			if t.stopped(1, "its ports") {
				return
			}
		}
		for _, others := range []*portTable{pod, &t.claims.ports} {
			t.checkPortName(c, port, others)
			if t.ended() {
				return
			}
			t.checkHostPort(c, port, host, others)
			if t.ended() {
				return
			}
		}
	}
	for i := range c.Ports {
		t.claims.ports.add(heldPort{port: &c.Ports[i], container: c.Name, by: t.by()})
	}
}

// who describes the container that has the port, for messages.
func (h *heldPort) who() string {
	if h.by == "" {
		return "container " + message.Quote(h.container) + " of the pod"
	}
	return fmt.Sprintf("container %s of instance %s", message.Quote(h.container), message.Quote(h.by))
}

func (t *trial) checkPodPort(c *templates.Container, port *templates.Port, taken *heldPort) {
	switch {
	case taken.ours:
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s, a sidecar from an earlier injection, both listen on port %d/%s", message.Quote(c.Name), taken.who(), port.ContainerPort, port.Protocol),
			"give one of them another port")
	case !t.warnings.over():
		t.warn("container %s and %s both name port %d/%s: only one of them can listen on it. Have the app listen on another", c.Name, taken.who(), port.ContainerPort, port.Protocol)
	}
}

func (t *trial) checkPortName(c *templates.Container, port *templates.Port, others *portTable) {
	if port.Name == "" {
		return
	}
	for taken := range others.names.all(port.Name) {
		if taken.by == "" || !samePort(port, taken.port) {
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s has a port named %s, and so has %s: a Service would find the wrong one", message.Quote(c.Name), message.Quote(port.Name), taken.who()),
				"give the port another name")
		}
		if t.stopped(1, "its ports") {
			return
		}
	}
}

func (t *trial) checkHostPort(c *templates.Container, port *templates.Port, host portNumber, others *portTable) {
	if port.HostPort == 0 {
		return
	}
	for taken := range others.hosts.all(host) {
		if hostIPsMeet(port.HostIP, taken.port.HostIP) && (taken.by == "" || !samePort(port, taken.port)) {
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both want host port %d", message.Quote(c.Name), taken.who(), port.HostPort), "give one of them another host port")
		}
		if t.stopped(1, "its ports") {
			return
		}
	}
}

func hostIPsMeet(a, b string) bool {
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return a == b || everywhere(a) || everywhere(b)
}

func samePort(a, b *templates.Port) bool {
	return a.ContainerPort == b.ContainerPort && a.Protocol == b.Protocol
}
