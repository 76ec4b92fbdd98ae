package check

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// firstTarget warns of what several containers get and only the first of them was asked for. Who reads target
// as well knows the two apart, and who reads the first by way of a variable means it.
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
