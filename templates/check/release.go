package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/release"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// releases finds what the Kubernetes that the template is for does not have: an error where that would
// refuse the pod or make something else of it, a warning where it only drops a field, or where a feature
// gate decides. What depends on cluster is left to whoever writes the injector's configuration, for they
// know the cluster.
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

// value looks at a value and all within it.
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
		if !c.lacks(s.Type, m) { // what is dropped is dropped with all within it
			c.value(m.Value, f.Schema)
		}
	}
}

// lacks says that a field is not there, or not by default.
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

// configured says that an expression reads the injector's configuration.
func configured(n *program.Node) bool {
	return n != nil && n.Expression != nil && n.Reads().Cluster
}
