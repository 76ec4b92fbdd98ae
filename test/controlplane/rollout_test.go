//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// kubelet sets the status of the pods of a namespace as a kubelet would: they run, and a container whose
// image changed is restarted, or whose memory did if its resizePolicy says so. An image that ends in :bad cannot be pulled; one that ends in :gone cannot
// either, but only an event would report that. The node of pods with the label app=tight gives no running container more.
func kubelet(t *testing.T, namespace string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	t.Cleanup(func() { stop(); ended.Wait() })
	ended.Go(func() {
		for ctx.Err() == nil {
			pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			for i := 0; err == nil && i < len(pods.Items); i++ {
				if now := observed(&pods.Items[i]); now != nil {
					_, _ = suite.client.CoreV1().Pods(namespace).UpdateStatus(ctx, now, metav1.UpdateOptions{}) // retried in the next round
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// observed returns a pod with its next status; nil if it has it already.
func observed(pod *corev1.Pod) *corev1.Pod {
	now := pod.DeepCopy()
	changed, ready, tight := now.Status.Phase != corev1.PodRunning, true, false
	look := func(specs []corev1.Container, before []corev1.ContainerStatus) []corev1.ContainerStatus {
		var all []corev1.ContainerStatus
		for _, c := range specs {
			s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "containerd://" + c.Name + "-0", Ready: true, Started: new(bool),
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
			*s.Started = true
			if i := slices.IndexFunc(before, func(s corev1.ContainerStatus) bool { return s.Name == c.Name }); i >= 0 {
				if s = before[i]; s.Image != c.Image || !s.Ready {
					changed = true
					switch {
					case strings.HasSuffix(c.Image, ":bad"):
						s.Ready, s.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}}
					case strings.HasSuffix(c.Image, ":gone"):
						s.Ready = false
						if s.State.Terminated == nil {
							s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.Now()}}
						}
					case s.Ready:
						s.Ready = false
					default:
						s.Ready, s.RestartCount, s.State = true, s.RestartCount+1, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
						s.ContainerID = fmt.Sprintf("containerd://%s-%d", c.Name, s.RestartCount)
						s.Image = c.Image
					}
				}
			} else {
				changed = true
				if strings.HasSuffix(c.Image, ":bad") {
					s.Ready, s.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}}
				}
			}
			if s.Resources != nil && pod.Labels["app"] == "tight" && s.Resources.Requests.Cpu().Cmp(*c.Resources.Requests.Cpu()) < 0 {
				tight = true
			} else if s.Resources == nil || !equality.Semantic.DeepEqual(*s.Resources, c.Resources) {
				if s.Resources != nil && slices.ContainsFunc(c.ResizePolicy, func(p corev1.ContainerResizePolicy) bool {
					return p.RestartPolicy == corev1.RestartContainer && !s.Resources.Requests[p.ResourceName].Equal(c.Resources.Requests[p.ResourceName])
				}) {
					s.RestartCount++
				}
				s.Resources, changed = c.Resources.DeepCopy(), true
			}
			ready = ready && s.Ready
			all = append(all, s)
		}
		return all
	}
	now.Status.InitContainerStatuses = look(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	now.Status.ContainerStatuses = look(pod.Spec.Containers, pod.Status.ContainerStatuses)
	if !changed && tight == (len(now.Status.Conditions) > 1) {
		return nil
	}
	now.Status.Phase = corev1.PodRunning
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()}
	if ready {
		condition.Status = corev1.ConditionTrue
	}
	now.Status.Conditions = []corev1.PodCondition{condition}
	if tight {
		now.Status.Conditions = append(now.Status.Conditions, corev1.PodCondition{Type: corev1.PodResizePending, Status: corev1.ConditionTrue,
			Reason: corev1.PodReasonInfeasible, Message: "Node didn't have enough capacity: cpu", LastTransitionTime: metav1.Now()})
	}
	return now
}

// mine is a template whose image, request and argument tests change.
const mine = `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"SidecarTemplate","metadata":{"name":"mine"},"spec":{"pod":{"spec":{"initContainers":[
	{"name":"mine","restartPolicy":"Always","image":"mine:1","args":["one"],"resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`

// retemplate replaces the template, and waits until the injector uses it.
func retemplate(t *testing.T, namespace string, replacements ...string) {
	t.Helper()
	kubectl(t, "patch", "sidecartemplate", "mine", "-n", namespace, "--type", "merge", "-p", strings.NewReplacer(replacements...).Replace(mine))
	must(t, eventually(t.Context(), patience, func(context.Context) error {
		generation := kubectl(t, "get", "sidecartemplate", "mine", "-n", namespace, "-o", "jsonpath={.metadata.generation} {.status.observedGeneration}")
		if g, o, _ := strings.Cut(generation, " "); g != o {
			return errors.New("not in force: " + generation)
		}
		return nil
	}))
}

// healthy waits until count pods of a namespace are ready, and returns them.
func healthy(t *testing.T, namespace string, count int) []corev1.Pod {
	t.Helper()
	var found []corev1.Pod
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
			return p.DeletionTimestamp != nil || len(p.Status.Conditions) == 0 || p.Status.Conditions[0].Status != corev1.ConditionTrue
		})
		if len(found) != count {
			return fmt.Errorf("%d pods are ready, want %d", len(found), count)
		}
		return nil
	}))
	return found
}

func uids(pods []corev1.Pod) map[types.UID]bool {
	all := map[types.UID]bool{}
	for _, p := range pods {
		all[p.UID] = true
	}
	return all
}

// budget creates a PodDisruptionBudget and waits until its status has counted the pods.
func budget(t *testing.T, namespace, app string, least int) {
	t.Helper()
	value := intstr.FromInt(least)
	_, err := suite.client.PolicyV1().PodDisruptionBudgets(namespace).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &value, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}, metav1.CreateOptions{})
	must(t, err)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		b, err := suite.client.PolicyV1().PodDisruptionBudgets(namespace).Get(ctx, app, metav1.GetOptions{})
		if err == nil && int(b.Status.CurrentHealthy) < least {
			err = fmt.Errorf("%d healthy", b.Status.CurrentHealthy)
		}
		return err
	}))
}

// TestRolloutAndRepairDoWhatThePlanSays changes a template under workloads of several kinds.
func TestRolloutAndRepairDoWhatThePlanSays(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	place := func(t *testing.T) string {
		n := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
		createTemplate(t, "sidecartemplates", n, mine)
		retemplate(t, n)
		kubelet(t, n)
		return n
	}
	t.Run("an image and a request change in the running pods", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize")
		n := place(t)
		deploy(t, n, "web", "mine")
		before := healthy(t, n, 2)
		budget(t, n, "web", 1)
		retemplate(t, n, "mine:1", "mine:2", `"cpu":"1m"`, `"cpu":"2m"`)
		p.says(t, admin, 1, []string{"status", "-n", n, "--exit-code"}, n+` +deployment/web +mine +in-place +2 +mine: image mine:1 → mine:2; mine: requests.cpu 1m → 2m$`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--dry-run"}, `^1 +`+n+` +deployment/web +in place +2 +web +mine: image`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +2/2`)
		after := healthy(t, n, 2)
		for _, pod := range after {
			sidecar, app := pod.Status.InitContainerStatuses[0], pod.Status.ContainerStatuses[0]
			if !uids(before)[pod.UID] || sidecar.RestartCount != 1 || app.RestartCount != 0 || pod.Spec.InitContainers[0].Image != "mine:2" || pod.Spec.InitContainers[0].Resources.Requests.Cpu().String() != "2m" {
				t.Errorf("pod %s: %+v", pod.Name, pod.Spec.InitContainers[0])
			}
		}
		p.says(t, admin, 0, []string{"status", "-n", n, "--exit-code", "-o", "wide"}, `deployment/web +mine +current +2 +([0-9a-f]+) +`)
		p.says(t, admin, 0, []string{"rollout", "-n", n}, `^nothing is to do$`)
	})
	t.Run("an argument takes new pods", func(t *testing.T) {
		n := place(t)
		deploy(t, n, "web", "mine")
		before := healthy(t, n, 2)
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--dry-run"}, `deployment/web +restart +2 +<none> +container "mine": args$`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +restart +2/2`)
		for _, pod := range healthy(t, n, 2) {
			if uids(before)[pod.UID] || pod.Spec.InitContainers[0].Args[0] != "two" {
				t.Errorf("pod %s was not made anew", pod.Name)
			}
		}
	})
	t.Run("a workload whose rollout would take too many is evicted", func(t *testing.T) {
		n := place(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		kubectl(t, "patch", "deployment", "web", "-n", n, "-p", `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":2}}}}`)
		budget(t, n, "web", 1)
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +evict +2/2`)
		p.says(t, admin, 0, []string{"status", "-n", n, "--exit-code"}, `deployment/web +mine +current`)
	})
	t.Run("a bad image stops it after the first pod", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
		n := place(t)
		deploy(t, n, "web", "mine")
		deploy(t, n, "xeb", "mine")
		healthy(t, n, 4)
		retemplate(t, n, "mine:1", "mine:bad")
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "20s"}, `^error: stopped: deployment/web in `+n+`: pod web-.* container mine: ErrImagePull: not found; 0 pods are done, 1 workload left`, `^hint: sidecar-injector explain`)
		if left := healthy(t, n, 3); slices.ContainsFunc(left, func(p corev1.Pod) bool { return p.Spec.InitContainers[0].Image != "mine:1" }) {
			t.Error("more than one pod was changed")
		}
		p.says(t, admin, 0, []string{"status", "-n", n}, `deployment/web +mine +failing +1/2 +ErrImagePull$`)
		retemplate(t, n, "mine:1", "mine:3")
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +2/2`, `deployment/xeb +in place +2/2`)
	})
	t.Run("what would not come back stays", func(t *testing.T) {
		n := place(t)
		createPod(t, n, object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "alone", "annotations": object{"sidecar-injector.dev/inject": "mine"}},
			"spec": object{"containers": []any{object{"name": "app", "image": "app"}}}})
		deploy(t, n, "web", "mine")
		healthy(t, n, 3)
		kubectl(t, "patch", "deployment", "web", "-n", n, "-p", `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":1}}}}`)
		budget(t, n, "web", 2)
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "-o", "wide"}, `pod/alone +leave +0/1 +0 +nobody would make another pod`, `deployment/web +leave +0/2 +0 +PodDisruptionBudget web lets no pod go`)
		healthy(t, n, 3)
	})
	t.Run("whoever lacks a right is told which", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
		n := place(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		retemplate(t, n, "mine:1", "mine:2")
		person := personWith(t, deny(documentedRole(t), "pods", "create"), nil, n)
		for _, command := range [][]string{{"rollout", "-n", n, "--dry-run"}, {"rollout", "-n", n}} {
			p.says(t, person, 2, command, `deployment/web +leave +(2|0/2) `, `^error: you may not create pods in namespace `+n, `"kind":"Role",.*"namespace":"`+n+`".*"verbs":\["create"\],"apiGroups":\[""\],"resources":\["pods"\]`)
		}
	})
	t.Run("interrupted, it goes on", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
		n := place(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=6")
		healthy(t, n, 6)
		retemplate(t, n, "mine:1", "mine:2")
		command := exec.Command(suite.injector, "rollout", "-n", n)
		command.Env = append(command.Environ(), "KUBECONFIG="+admin)
		var said strings.Builder
		command.Stderr = &said
		must(t, command.Start())
		must(t, eventually(t.Context(), patience, func(context.Context) error {
			if changed(t, n) < 2 {
				return errors.New("not begun")
			}
			return command.Process.Signal(syscall.SIGINT)
		}))
		if err := command.Wait(); command.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "interrupted: ") {
			t.Errorf("%v: %s", err, said.String())
		}
		if got := changed(t, n); got == 6 {
			t.Error("it was not interrupted")
		}
		p.says(t, admin, 0, []string{"rollout", "-n", n}, `deployment/web +in place +[1-5]/[1-5]`)
		if got := changed(t, n); got != 6 {
			t.Errorf("%d pods changed, want 6", got)
		}
	})
	t.Run("missed pods are repaired once", func(t *testing.T) {
		n := newNamespace(t, nil, nil)
		createTemplate(t, "sidecartemplates", n, mine)
		kubelet(t, n)
		deploy(t, n, "web", "mine")
		before := healthy(t, n, 2)
		kubectl(t, "label", "namespace", n, injectionLabel+"=enabled")
		p.says(t, admin, 0, []string{"repair", "-n", n, "--dry-run"}, `deployment/web +evict +2 +<none> +asked for, and not there`)
		p.says(t, admin, 0, []string{"repair", "-n", n, "--timeout", "20s"}, `deployment/web +evict +2/2`)
		for _, pod := range healthy(t, n, 2) {
			if uids(before)[pod.UID] || len(pod.Spec.InitContainers) != 1 {
				t.Errorf("pod %s has no sidecar", pod.Name)
			}
		}
		kubectl(t, "label", "namespace", n, injectionLabel+"-")
		kubectl(t, "delete", "pods", "-n", n, "-l", "app=web", "--grace-period=0", "--force")
		healthy(t, n, 2)
		kubectl(t, "label", "namespace", n, injectionLabel+"=enabled")
		p.says(t, admin, 1, []string{"repair", "-n", n, "-o", "wide"}, `deployment/web +evict +0/2 +0 +it was repaired at .* not twice within 10m0s`)
	})
}

// changed counts the pods of a namespace whose sidecar has the second image.
func changed(t *testing.T, namespace string) int {
	t.Helper()
	pods, err := suite.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	count := 0
	for _, p := range pods.Items {
		if p.Spec.InitContainers[0].Image == "mine:2" {
			count++
		}
	}
	return count
}
