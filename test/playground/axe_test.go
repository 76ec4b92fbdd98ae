package playground

import (
	"flag"
	"os"
	"testing"
)

var axe = flag.String("axe", "../../cmd/sidecar-injector/playground/page/node_modules/axe-core/axe.min.js", "axe-core; make page installs it")

// violation is a rule that axe found violated, and where.
type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

// audit fails the test for each violation that axe finds.
func (b *tab) audit(what string) {
	b.t.Helper()
	found := get[[]violation](b, `axe.run().then((r) => r.violations)`)
	for _, v := range found {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: axe: %s: %s\n%s\n%s", what, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

func TestAxeFindsNothing(t *testing.T) {
	source, err := os.ReadFile(*axe)
	if err != nil {
		t.Fatalf("%v: make page installs it", err)
	}
	for name, v := range map[string]view{"light": desk, "dark": {width: 1280, height: 800, dark: true}, "phone": {width: 360, height: 740}} {
		t.Run(name, func(t *testing.T) {
			b := ready(t, addresses["served"], v)
			b.eval(string(source))
			for _, tab := range []string{"pod", "namespace", "templates", "diff", "why", "steps", "values", "patch"} {
				b.click("#tab-" + tab)
				b.audit(tab)
			}
			b.choose("Refused: misspelt names")
			b.click("#tab-pod")
			b.click("#tab-why")
			b.audit("findings")
			b.quiet()
		})
	}
}
