package fleet

import (
	"strings"
	"testing"
)

// TestAResizePolicyStopsTheContainer: only for the resource that it names, and if the container is ready.
func TestAResizePolicyStopsTheContainer(t *testing.T) {
	set := setOf(t, tail)
	for _, ready := range []bool{true, false} {
		pod := created(t, set, shop(), web, func(pod object) {
			c := named(items(part(pod, "spec"), "initContainers"), "app-sc-tail")
			c["resizePolicy"] = list{object{"resourceName": "memory", "restartPolicy": "RestartContainer"}, object{"resourceName": "cpu", "restartPolicy": "NotRequired"}}
			for _, name := range resizable() {
				part(c, "resources", "requests")[name] = "1"
			}
			pod["status"] = object{"initContainerStatuses": list{object{"name": "app-sc-tail", "ready": ready, "state": object{"running": object{}}}}}
		})
		i := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]
		for _, c := range i.Changes {
			if memory := strings.HasSuffix(c.Field, ".memory"); c.Stops() != (memory && ready) {
				t.Errorf("ready %v: %s stops it: %v", ready, c, c.Stops())
			}
		}
		if len(i.Changes) != 2 || i.Stops() != ready {
			t.Errorf("ready %v: changes %+v (%s)", ready, i.Changes, i.Why)
		}
	}
}
