package fleet

import (
	"strings"
	"testing"
)

// TestAPortOfThePodsNodeIsNoChange: in the network of its node, the API server gives each port of a
// container the same one of the host.
func TestAPortOfThePodsNodeIsNoChange(t *testing.T) {
	ported := strings.Replace(tail, "        args:", "        ports: [{name: m, containerPort: 9999}]\n        args:", 1)
	ported = strings.Replace(ported, "spec:\n  parameters", "spec:\n  supports: [hostNetwork]\n  parameters", 1)
	text := strings.Replace(web, `"spec":{`, `"spec":{"hostNetwork":true,`, 1)
	pod := created(t, setOf(t, ported), shop(), text, func(pod object) {
		port := items(named(items(part(pod, "spec"), "initContainers"), "app-sc-tail"), "ports")[0]
		port["hostPort"], port["protocol"] = port["containerPort"], "TCP"
	})
	for name, test := range map[string]struct {
		old, new string
		want     State
	}{
		"nothing":            {"", "", Current},
		"its image":          {"tail:1", "tail:2", InPlace},
		"it states the port": {"containerPort: 9999", "containerPort: 9999, hostPort: 9999", Current},
		"another port":       {"containerPort: 9999", "containerPort: 9998", Restart},
	} {
		t.Run(name, func(t *testing.T) {
			i := judged(t, setOf(t, strings.Replace(ported, test.old, test.new, 1)), Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]
			if i.State != test.want {
				t.Errorf("got %v, want %v: %s", i.State, test.want, i.Why)
			}
		})
	}
}
