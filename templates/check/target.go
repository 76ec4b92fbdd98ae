package check

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// firstTarget warns if a template with several targets adds something to each of them that reads app, which
// is the first target only. A template that also reads target is not reported: its author knows the
// difference. Nor is one that reads app through a variable of its own.
func firstTarget(s *Sample) []templates.Finding {
	targets := s.Template.Containers
	several := targets.All || len(targets.Names) > 1 || targets.InitContainers || targets.Sidecars
	app := s.Template.Program().App
	if !several || app.Uses().Target {
		return nil
	}
	var found found
	app.Walk(func(n *program.Node) {
		if n.Expression != nil && slices.ContainsFunc(n.Expression.Uses().Paths, func(p expression.Path) bool { return p.Root == "app" }) {
			found.add(templates.SeverityWarning, n.Place, templates.FirstTargetOnly, "write target for the container that gets it",
				"app is the first target, and every target gets this")
		}
	})
	return found.list
}
