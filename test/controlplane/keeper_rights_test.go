//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// task is work for a keeper in a namespace, with the condition that it is done.
type task struct {
	namespace string
	kept      promise
}

// keeperNeeds returns for every right of a keeper a task that needs it. Rights that are not in it must not be
// granted by the chart. One is granted on other versions of Kubernetes than those of this suite: to list nodes,
// which TestWithoutTheNodesAnAppRestartsThatNeedNot of the command takes away.
func keeperNeeds() map[right]func(t *testing.T) task {
	all := map[right]func(t *testing.T) task{
		{"pods", "list"}:                 counting,
		{"poddisruptionbudgets", "list"}: updating,
		{"pods", "patch"}:                updating,
		{"pods/resize", "patch"}:         updating,
		{"events", "list"}:               noticing,
		{"pods", "get"}:                  repairing("Deployment"),
		{"pods", "create"}:               repairing("Deployment"),
		{"pods/eviction", "create"}:      repairing("Deployment"),
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"} {
		for _, verb := range []string{"get", "patch"} {
			all[right{strings.ToLower(kind) + "s", verb}] = repairing(kind)
		}
	}
	return all
}

// counting returns the task of counting pods.
func counting(*testing.T) task {
	return task{"", func(ctx context.Context, p *performance) error {
		if p.value(ctx, p.i.t, "sidecar_injector_pods_counted_timestamp_seconds") == 0 {
			return errors.New("nothing is counted")
		}
		return nil
	}}
}

// lateNamespace creates a namespace that gets the opt-in label after its pods exist, and opts out when the
// test ends.
func lateNamespace(t *testing.T, make func(namespace string), pods int) string {
	t.Helper()
	n := newNamespace(t, nil, nil)
	kubelet(t, n)
	make(n)
	healthy(t, n, pods)
	kubectl(t, "label", "namespace", n, injectionLabel+"=enabled")
	t.Cleanup(func() { kubectl(t, "label", "--overwrite", "namespace", n, injectionLabel+"=disabled") })
	return n
}

// repairing returns the task of a workload whose pod lacks its sidecar.
func repairing(kind string) func(t *testing.T) task {
	return func(t *testing.T) task {
		version, more, selector := "apps/v1", "", `{"matchLabels":{"app":"web"}}`
		switch kind {
		case "Deployment", "ReplicaSet":
			more = `"replicas":1,`
		case "StatefulSet":
			more = `"replicas":1,"serviceName":"web",`
		case "ReplicationController":
			version, more, selector = "v1", `"replicas":1,`, `{"app":"web"}`
		case "DaemonSet":
			node, err := suite.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}, metav1.CreateOptions{})
			must(t, err)
			t.Cleanup(func() {
				_ = suite.client.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{})
			})
		}
		n := lateNamespace(t, func(n string) {
			_, err := create(t.Context(), n, kind, fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"metadata":{"name":"web"},"spec":{%s"selector":%s,"template":{"metadata":{"labels":{"app":"web"},
				"annotations":{"sidecar-injector.dev/inject":"log-collector"}},"spec":{"securityContext":{"runAsUser":1000},"containers":[{"name":"app","image":"app"}]}}}}`, version, kind, more, selector))
			must(t, err)
		}, 1)
		return task{n, func(context.Context, *performance) error {
			if got := images(t, n); got["none"] > 0 || len(got) == 0 {
				return fmt.Errorf("the pod of a %s is not repaired: %v", kind, got)
			}
			return nil
		}}
	}
}

// updating creates two pods with a sidecar of another image and cpu than the current template's, and a budget
// that allows one disruption.
func updating(t *testing.T) task {
	n := outdated(t, "mine:2")
	return task{n, func(context.Context, *performance) error {
		if got := images(t, n); got["mine:2"] != 2 {
			return fmt.Errorf("images: %v", got)
		}
		return nil
	}}
}

// noticing creates the same with an image that cannot be pulled, which only events report: the task is done
// when the rollout is paused.
func noticing(t *testing.T) task {
	n := outdated(t, "mine:gone")
	return task{n, func(ctx context.Context, p *performance) error {
		pods, err := suite.client.CoreV1().Pods(n).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if s := pod.Status.InitContainerStatuses; len(s) == 0 || s[0].State.Terminated == nil {
				continue
			}
			about := corev1.ObjectReference{Kind: "Pod", Namespace: n, Name: pod.Name, UID: pod.UID, FieldPath: "spec.initContainers{mine}"}
			_, err := suite.client.CoreV1().Events(n).Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, InvolvedObject: about, Type: corev1.EventTypeWarning,
				Reason: "Failed", Message: `Failed to pull image "mine:gone": not found`, LastTimestamp: metav1.NewTime(time.Now().Add(time.Second))}, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		}
		if p.value(ctx, p.i.t, "sidecar_injector_keeper_paused", "work", "rollout") == 0 {
			return errors.New("nobody has noticed")
		}
		return nil
	}}
}

// outdated creates a ReplicaSet of two pods with a sidecar of another image and cpu than the current template's, and a budget
// that allows one disruption.
func outdated(t *testing.T, image string) (namespace string) {
	t.Helper()
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "mine.yaml"), []byte(strings.Replace(mine, "SidecarTemplate", "ClusterSidecarTemplate", 1)), 0o600))
	file := filepath.Join(t.TempDir(), "web.yaml")
	must(t, os.WriteFile(file, []byte(`{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`), 0o600))
	text, err := output("", suite.injector, "inject", "-f", file, "--template-dir", folder)
	must(t, err)
	injected := filepath.Join(t.TempDir(), "injected.yaml")
	must(t, os.WriteFile(injected, text, 0o600))
	n := lateNamespace(t, func(n string) { kubectl(t, "apply", "-n", n, "-f", injected) }, 2)
	kubectl(t, "replace", "-n", n, "-f", file) // new pods are for the injector; those that run stay
	budget(t, n, "web", 1)
	createTemplate(t, "sidecartemplates", n, strings.NewReplacer("mine:1", image, `"cpu":"1m"`, `"cpu":"2m"`).Replace(mine))
	return n
}

// TestNoRightOfTheKeeperIsIdle removes each right from the keeper's role: the keeper must be refused a
// request, and its task must not be done. With all rights, all tasks are done and nothing is refused.
func TestNoRightOfTheKeeperIsIdle(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	forgetWorkloads(t)
	s := setStage(t, "--set", "keeper.enabled=true,keeper.repair=true,keeper.rollout=true")
	role, err := suite.client.RbacV1().ClusterRoles().Get(t.Context(), releaseName+"-keeper", metav1.GetOptions{})
	must(t, err)
	wanted := keeperNeeds()
	granted := map[right]bool{}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				granted[right{resource, verb}] = true
			}
		}
	}
	byName := func(a, b right) int { return strings.Compare(a.String(), b.String()) }
	known := slices.SortedFunc(maps.Keys(wanted), byName)
	if diff := cmp.Diff(known, slices.SortedFunc(maps.Keys(granted), byName), cmp.AllowUnexported(right{})); diff != "" {
		t.Fatalf("rights (-with a reason +granted by the chart):\n%s", diff)
	}
	begun := time.Now()
	for _, r := range known {
		t.Run("without "+r.String(), func(t *testing.T) {
			s.keeperMay(t, role, deny(role.Rules, r.resource, r.verb), r, false)
			kept := wanted[r](t).kept
			run := s.start(t)
			broken := func(ctx context.Context) error {
				refused := run.asked(func(e *auditEvent) bool {
					return e.ResponseStatus.Code == 403 && e.resource() == r.resource && e.Verb == r.verb
				})
				switch err := kept(ctx, run); {
				case len(refused) == 0:
					return fmt.Errorf("never refused; the promise: %w", err)
				case err == nil:
					return errors.New("refused, but the promise is kept all the same")
				}
				return nil
			}
			err := eventually(t.Context(), keeperPatience, broken)
			if err == nil {
				// Wait, in case the task is only late.
				time.Sleep(time.Second)
				err = broken(t.Context())
			}
			if err != nil {
				t.Errorf("%s is idle: %v\n%s", r, err, run.tail())
			}
		})
	}
	suite.report("%d rights of the keeper taken away once each: %s", len(known), time.Since(begun).Round(time.Second))
	t.Run("with all of them every promise is kept and nothing is refused", func(t *testing.T) {
		s.keeperMay(t, role, role.Rules, known[len(known)-1], true)
		tasks := []task{counting(t), updating(t)}
		for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"} {
			tasks = append(tasks, repairing(kind)(t))
		}
		run := s.start(t)
		for _, one := range tasks {
			if err := eventually(t.Context(), keeperPatience, func(ctx context.Context) error { return one.kept(ctx, run) }); err != nil {
				t.Error(err)
			}
		}
		if refused := run.asked(func(e *auditEvent) bool { return e.ResponseStatus.Code == 403 }); len(refused) > 0 {
			t.Errorf("refused: %+v", refused)
		}
	})
	t.Run("with all of them an image that cannot be had is noticed", func(t *testing.T) {
		one := noticing(t)
		run := s.start(t)
		must(t, eventually(t.Context(), keeperPatience, func(ctx context.Context) error { return one.kept(ctx, run) }))
	})
}

// keeperMay changes the rules of the keeper's role, and waits until the API server applies them.
func (s *stage) keeperMay(t *testing.T, role *rbacv1.ClusterRole, rules []rbacv1.PolicyRule, r right, may bool) {
	t.Helper()
	changed := role.DeepCopy()
	changed.Rules, changed.ResourceVersion = rules, ""
	_, err := suite.client.RbacV1().ClusterRoles().Update(t.Context(), changed, metav1.UpdateOptions{})
	must(t, err)
	group := ""
	for _, rule := range role.Rules {
		if slices.Contains(rule.Resources, r.resource) {
			group = rule.APIGroups[0]
		}
	}
	name, sub, _ := strings.Cut(r.resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + releaseName + ":" + releaseName, Groups: []string{"system:serviceaccounts"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: group, Resource: name, Subresource: sub, Verb: r.verb},
	}}
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		answer, err := suite.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil && answer.Status.Allowed != may {
			err = fmt.Errorf("%s: allowed %t, want %t", r, answer.Status.Allowed, may)
		}
		return err
	}))
}
