//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestBudgetsAreHeldWhateverIsDone: for changes in place, what follows if the server does not make them, and
// workloads with budgets of several kinds.
func TestBudgetsAreHeldWhateverIsDone(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	p := newPatient(t)
	admin := suite.kubeconfig
	stateful := func(t *testing.T, n string) {
		t.Helper()
		_, err := create(t.Context(), n, "StatefulSet", []byte(`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db"},"spec":{"replicas":2,"serviceName":"db","updateStrategy":{"type":"OnDelete"},"selector":{"matchLabels":{"app":"db"}},
			"template":{"metadata":{"labels":{"app":"db"},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`))
		must(t, err)
	}
	t.Run("a server that does not change a pod in place, and a rollout that takes all", func(t *testing.T) {
		n := fleetPlace(t)
		_, err := create(t.Context(), n, "Deployment", []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":3,"strategy":{"type":"Recreate"},"selector":{"matchLabels":{"app":"web"}},
			"template":{"metadata":{"labels":{"app":"web"},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"resources":{"requests":{"cpu":"50m","memory":"50Mi"}},"containers":[{"name":"app","image":"app"}]}}}}`))
		must(t, err)
		healthy(t, n, 3)
		budget(t, n, "web", 2)
		retemplate(t, n, `"cpu":"1m"`, `"cpu":"200m"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--dry-run"}, `deployment/web +in place +3 +web `)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s", "-o", "wide"}, `must be greater than or equal to aggregate container requests.*; its pods are made anew$`, `deployment/web +evict +3/3`)
		healthy(t, n, 3)
	})
	t.Run("an image that does not come, and one that does", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		budget(t, n, "web", 1)
		retemplate(t, n, "mine:1", "mine:bad")
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "20s"}, `^error: stopped: deployment/web in `+n+`: pod web-.* container mine: ErrImagePull`)
		healthy(t, n, 1)
		retemplate(t, n, "mine:1", "mine:2")
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +2/2`)
		if got := changed(t, n); got != 2 {
			t.Errorf("%d pods changed, want 2", got)
		}
	})
	t.Run("memory that takes a restart", func(t *testing.T) {
		n := fleetPlace(t)
		more := []string{`"args":["one"]`, `"args":["one"],"resizePolicy":[{"resourceName":"memory","restartPolicy":"RestartContainer"}]`}
		retemplate(t, n, more...)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		budget(t, n, "web", 1)
		retemplate(t, n, append(more, `"memory":"1Mi"`, `"memory":"2Mi"`)...)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--dry-run"}, `deployment/web +in place +2 +web `)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +2/2`)
		for _, pod := range healthy(t, n, 2) {
			if pod.Status.InitContainerStatuses[0].RestartCount != 1 {
				t.Errorf("pod %s: its sidecar was not restarted", pod.Name)
			}
		}
	})
	t.Run("a budget for each pod", func(t *testing.T) {
		n := fleetPlace(t)
		stateful(t, n)
		healthy(t, n, 2)
		for _, pod := range []string{"db-0", "db-1"} {
			kubectl(t, "create", "pdb", pod, "-n", n, "--selector=statefulset.kubernetes.io/pod-name="+pod, "--min-available=0")
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
				b, err := suite.client.PolicyV1().PodDisruptionBudgets(n).Get(ctx, pod, metav1.GetOptions{})
				if err == nil && b.Status.DisruptionsAllowed < 1 {
					err = errors.New("not counted yet")
				}
				return err
			}))
		}
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `statefulset/db +evict +2/2`)
	})
	t.Run("no room, and a rollout that takes no pod away", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "patch", "deployment", "web", "-n", n, "-p", `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":0,"maxSurge":1}}}}`)
		stateful(t, n)
		healthy(t, n, 4)
		budget(t, n, "web", 2)
		budget(t, n, "db", 2)
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "20s", "-o", "wide"}, `deployment/web +restart +2/2`, `statefulset/db +leave +0/2 +0 +PodDisruptionBudget db lets no pod go \(2 healthy, at least 2 wanted\)$`)
	})
	t.Run("two at once", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=6")
		healthy(t, n, 6)
		budget(t, n, "web", 5)
		retemplate(t, n, "mine:1", "mine:2")
		a, b := runs(t, admin, "rollout", "-n", n, "--timeout", "20s"), runs(t, admin, "rollout", "-n", n, "--timeout", "20s")
		a.ends(t, 0, `deployment/web +in place +\d/\d`)
		b.ends(t, 0, `deployment/web +in place +\d/\d|^nothing is to do$`)
		if pods := healthy(t, n, 6); slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Status.InitContainerStatuses[0].RestartCount != 1 }) || changed(t, n) != 6 {
			t.Error(fmt.Sprint("not every sidecar was changed once:\n", strings.Join([]string{a.said.String(), b.said.String()}, "\n")))
		}
	})
}
