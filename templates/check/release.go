package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/release"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// releases reports fields and values that the template's release of Kubernetes does not have: as an error if
// the API server would refuse the pod or change its meaning, as a warning if it only drops the field, or if a
// feature gate decides. Values that depend on cluster.NAME are skipped, because they are set by the
// administrator, who knows the cluster's release.
func releases(s *Sample) []templates.Finding {
	c := releaseCheck{sample: s}
	shapes, p := shape.Template(), s.Template.Program()
	c.value(p.Pod, shapes.Pod)
	c.value(p.App, shapes.App)
	return c.found.list
}

type releaseCheck struct {
	sample *Sample
	found  found
}

// value checks a value and all values within it.
func (c *releaseCheck) value(n *program.Node, s *schema.Schema) {
	if n == nil || s == nil || configured(n.When) || configured(n) {
		return
	}
	for _, item := range n.Items {
		c.value(item, s.Elem)
	}
	for i := range n.Members {
		m := &n.Members[i]
		if s.Kind == schema.Map {
			c.value(m.Value, s.Elem)
			continue
		}
		f, ok := s.Field(m.Name)
		if !ok || m.Key != nil || configured(m.Value) || configured(m.Value.When) {
			continue
		}
		if !c.lacks(s.Type, m) { // a dropped field is dropped with all of its content
			c.value(m.Value, f.Schema)
		}
	}
}

// lacks reports whether the release does not have a field, or not by default, and adds a finding if so.
func (c *releaseCheck) lacks(typeName string, m *program.NodeMember) bool {
	kubernetes := c.sample.Kubernetes
	lacking, found := release.Find(kubernetes, typeName, m.Name, m.Value.Value)
	if !found {
		return false
	}
	severity := templates.SeverityWarning
	if lacking.Breaks(kubernetes) {
		severity = templates.SeverityError
	}
	c.found.add(severity, m.Value.Place, templates.NewerKubernetes, lacking.Hint(kubernetes), lacking.Text(kubernetes))
	return true
}

// configured reports whether a node is an expression that reads the injector's configuration (cluster.NAME).
func configured(n *program.Node) bool {
	return n != nil && n.Expression != nil && n.Reads().Cluster
}
