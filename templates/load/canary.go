package load

import (
	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// present reports whether a value exists and is not null.
func present(n *yaml.Node) bool { return n != nil && n.Tag != "!!null" }

// canary reads spec.canary; nil if the template has none. An invalid one is reported.
func canary(spec *yaml.Node, c *v1alpha1.Canary, e *templates.Entry, r *report) *templates.Canary {
	n, at := valueAt(spec, "canary"), specPath().Member("canary")
	if n == nil || n.Kind != yaml.MappingNode || c == nil {
		return nil
	}
	of(n, c.Of, at, r)
	out := &templates.Canary{Name: e.Name}
	share, selector := valueAt(n, "percent"), valueAt(n, "namespaceSelector")
	switch {
	case present(share) && present(selector):
		r.fault(n, at, templates.BadCanary, "remove one of them; a second template can be a canary by the other", "canary has both namespaceSelector and percent")
	case !present(share) && !present(selector):
		r.fault(n, at, templates.BadCanary, "give namespaceSelector, or percent: 10", "canary does not say for which pods it counts")
	case c.Percent != nil:
		if *c.Percent < 0 || *c.Percent > 100 {
			r.fault(share, at.Member("percent"), templates.BadCanary, "", "want a number from 0 to 100, got %d", *c.Percent)
		}
		out.Percent = int(*c.Percent)
	case c.NamespaceSelector != nil:
		if size := selectorSize(c.NamespaceSelector); size > maxTried {
			r.fault(selector, at.Member("namespaceSelector"), templates.TooLarge, "label the namespaces that are meant, and select that label",
				"it compares with %d values, at most %d are allowed", size, maxTried)
			break
		}
		out.Namespaces = labelSelector(selector, c.NamespaceSelector, at.Member("namespaceSelector"), templates.BadCanary, r)
	}
	return out
}

// of checks spec.canary.of, the name of the template that the canary replaces.
func of(canary *yaml.Node, name string, at *schema.Path, r *report) {
	switch n := valueAt(canary, "of"); {
	case !present(n):
		r.fault(canary, at.Member("of"), templates.MissingField, "name the template whose place it takes", "of is missing")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str" && !templates.ValidName(name): // a value of another type has been reported
		r.fault(n, at.Member("of"), templates.BadName, "name the template whose place it takes", "%s cannot name a template", message.Quote(name))
	}
}
