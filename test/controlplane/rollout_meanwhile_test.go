//go:build controlplane

package controlplane

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestARolloutLooksAtWhatIsThereNow: what a node cannot give, a budget that was created after the plan, and pods
// that opted out since.
func TestARolloutLooksAtWhatIsThereNow(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	p := newPatient(t)
	admin := suite.kubeconfig
	t.Run("a node without room", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "tight", "mine")
		deploy(t, n, "web", "mine")
		before := map[string]string{}
		for _, pod := range healthy(t, n, 4) {
			before[pod.Name] = pod.Annotations[inject.StatusAnnotation]
		}
		retemplate(t, n, "mine:1", "mine:2", `"cpu":"1m"`, `"cpu":"2m"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "20s", "-o", "wide"},
			`deployment/tight +in place +0/2 +\d+ +pod tight-\S+ has its former cpu and memory again, because its node does not give it the new ones: Node didn't have enough capacity: cpu\. Have the template ask for less`,
			`deployment/web +in place +2/2`, `^error: 1 workload left, for the reason beside each`)
		for _, pod := range healthy(t, n, 4) {
			c, s := pod.Spec.InitContainers[0], pod.Status.InitContainerStatuses[0]
			if got := c.Image + " " + c.Resources.Requests.Cpu().String(); strings.HasPrefix(pod.Name, "tight-") &&
				(got != "mine:1 1m" || s.RestartCount != 0 || pod.Annotations[inject.StatusAnnotation] != before[pod.Name]) {
				t.Errorf("pod %s is half changed: %s, %d restarts, %v", pod.Name, got, s.RestartCount, pod.Annotations)
			}
		}
	})
	six := func(t *testing.T) string {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=6")
		healthy(t, n, 6)
		retemplate(t, n, "mine:1", "mine:2")
		return n
	}
	t.Run("a budget that is new", func(t *testing.T) {
		n := six(t)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "10s", "-o", "wide")
		begun(t, n, 1)
		kubectl(t, "create", "pdb", "late", "-n", n, "--selector=app=web", "--min-available=6")
		r.ends(t, 1, `deployment/web +in place +[1-5]/6 +\d+ +PodDisruptionBudget late has let no pod go for 10s`)
		kubectl(t, "delete", "pdb", "late", "-n", n)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +[1-5]/[1-5]`)
	})
	t.Run("a pod that opted out", func(t *testing.T) {
		n := six(t)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "20s", "-o", "wide")
		begun(t, n, 1)
		pods, err := suite.client.CoreV1().Pods(n).List(t.Context(), metav1.ListOptions{})
		must(t, err)
		name := pods.Items[5].Name // which is changed last, because they come by name
		kubectl(t, "annotate", "pod", name, "-n", n, "sidecar-injector.dev/inject-")
		r.ends(t, 1, `deployment/web +in place +5/6 +\d+ +pod `+name+` is opted out by now: `)
		if got := changed(t, n); got != 5 {
			t.Errorf("%d pods changed, want 5", got)
		}
	})
}
