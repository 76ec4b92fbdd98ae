package fleet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// withCanary returns a set with the template tail and a canary of it, with another image, for a percentage
// of the workloads.
func withCanary(t testing.TB, percent int) *templates.Set {
	t.Helper()
	next := strings.NewReplacer("{name: tail}", "{name: tail-next}", "tail:1", "tail:2",
		"spec:\n  parameters", fmt.Sprintf("spec:\n  canary: {of: tail, percent: %d}\n  parameters", percent)).Replace(tail)
	return setOf(t, tail+"---\n"+next)
}

// TestACanaryIsTodaysTemplateWhereItCounts follows one pod from before the canary to after it was promoted or dropped.
func TestACanaryIsTodaysTemplateWhereItCounts(t *testing.T) {
	server := Server{Minor: 37, Resize: true}
	promoted := setOf(t, strings.Replace(tail, "tail:1", "tail:2", 1))
	before, tried := created(t, setOf(t, tail), shop(), web, nil), created(t, withCanary(t, 100), shop(), web, nil)
	unasked := created(t, withCanary(t, 100), shop(), web, func(pod object) { delete(part(pod, "metadata", "annotations"), inject.RequestAnnotation) })
	for _, c := range []struct {
		name   string
		pod    object
		set    *templates.Set
		state  State
		canary string
	}{
		{"an older pod where it counts", before, withCanary(t, 100), InPlace, "tail-next"},
		{"an older pod where it does not", before, withCanary(t, 0), Current, ""},
		{"a pod of the canary", tried, withCanary(t, 100), Current, "tail-next"},
		{"a pod of the canary whose share has shrunk", tried, withCanary(t, 0), InPlace, ""},
		{"a pod of the canary that was promoted", tried, promoted, Current, ""},
		{"a pod of the canary that was dropped", tried, setOf(t, tail), InPlace, ""},
		{"a pod that no longer asks where it counts", unasked, withCanary(t, 100), OptedOut, "tail-next"},
		{"a pod that no longer asks where it does not", unasked, withCanary(t, 0), OptedOut, ""},
	} {
		s := judged(t, c.set, server, shop(), c.pod)
		if i := s.Instances[0]; i.State != c.state || i.Canary != c.canary {
			t.Errorf("%s: %v, canary %q; want %v, canary %q (%s)", c.name, i.State, i.Canary, c.state, c.canary, i.Why)
		}
		inventory := NewInventory()
		inventory.Add(Workload{Namespace: "shop", Kind: "Pod", Name: "web"}, s)
		if row := inventory.Rows()[0]; row.Canary != c.canary || row.Today == "" {
			t.Errorf("%s: the row says canary %q, revision %q", c.name, row.Canary, row.Today)
		}
	}
}

// TestAPodThatWasMadeUpANameCountsAsAtItsCreation: the API server generates the name after the webhook has
// answered.
func TestAPodThatWasMadeUpANameCountsAsAtItsCreation(t *testing.T) {
	counted := 0
	for n := range 20 {
		asked := strings.Replace(web, `"name":"web"`, fmt.Sprintf(`"generateName":"web-%d-"`, n), 1)
		set := withCanary(t, 50)
		pod := created(t, set, shop(), asked, func(pod object) {
			part(pod, "metadata")["name"] = fmt.Sprintf("web-%d-x7kjf", n)
		})
		i := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]
		if i.State != Current {
			t.Errorf("pod %d: %v: %s", n, i.State, i.Why)
		}
		if i.Canary != "" {
			counted++
		}
	}
	if counted < 3 || counted > 17 {
		t.Errorf("a canary of 50 %% counts for %d of 20 pods", counted)
	}
	status, err := statusOf(created(t, withCanary(t, 100), shop(), web, nil))
	if err != nil || status["tail"].Template != "ClusterSidecarTemplate/tail" {
		t.Errorf("the status says %+v, %v", status, err)
	}
}
