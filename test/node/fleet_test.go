package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// all waits until count pods of a label are ready, and returns them by UID.
func (p *place) all(app string, count int) map[types.UID]*corev1.Pod {
	p.Helper()
	found := map[types.UID]*corev1.Pod{}
	p.until(fmt.Sprintf("%d pods of %s", count, app), func(ctx context.Context) error {
		list, err := suite.client.CoreV1().Pods(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return err
		}
		clear(found)
		for i := range list.Items {
			pod := &list.Items[i]
			if pod.DeletionTimestamp == nil && whyNotReady(pod) == nil {
				found[pod.UID] = pod
			}
		}
		if len(found) != count {
			return fmt.Errorf("%d are ready", len(found))
		}
		return nil
	})
	return found
}

// fewest counts the ready pods of a label at every change of one of them. The returned function ends that and
// returns the minimum.
func (p *place) fewest(app string) func() int {
	p.Helper()
	list, err := suite.client.CoreV1().Pods(p.namespace).List(p.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	p.must(err)
	ready := map[types.UID]bool{}
	see := func(pod *corev1.Pod, gone bool) {
		delete(ready, pod.UID)
		if !gone && whyNotReady(pod) == nil {
			ready[pod.UID] = true
		}
	}
	for i := range list.Items {
		see(&list.Items[i], false)
	}
	watch, err := suite.client.CoreV1().Pods(p.namespace).Watch(p.Context(), metav1.ListOptions{LabelSelector: "app=" + app, ResourceVersion: list.ResourceVersion})
	p.must(err)
	least := len(ready)
	var ended sync.WaitGroup
	ended.Go(func() {
		for event := range watch.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				see(pod, event.Type == "DELETED")
				least = min(least, len(ready))
			}
		}
	})
	return func() int {
		watch.Stop()
		ended.Wait()
		return least
	}
}

// fleet runs a fleet command on the namespace, and returns its output and exit code.
func (p *place) fleet(command string, args ...string) (string, int) {
	p.Helper()
	out, err := suite.cli(p.Context(), append([]string{command, "-n", p.namespace}, args...)...).CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// template applies the namespace's template with some of it replaced, and waits until the injector has it.
func (p *place) template(replacements ...string) {
	p.Helper()
	p.applyText(strings.NewReplacer(replacements...).Replace(read(p.T, "fleet/template.yaml")))
	p.until("the template is in force", func(context.Context) error {
		if g, o, _ := strings.Cut(p.kubectl("get", "sidecartemplate", "side", "-o", "jsonpath={.metadata.generation} {.status.observedGeneration}"), " "); g != o {
			return fmt.Errorf("generation %s, in force %s", g, o)
		}
		return nil
	})
}

// TestAFleetComesUpToDateAndNoAppIsRestarted changes the image of a sidecar in twenty running pods, then its
// cpu and memory, asks for more cpu than the node has left, and then sets an image that cannot be pulled. It does not run in parallel, because dozens
// of pods that start and stop would slow down tests that measure times.
func TestAFleetComesUpToDateAndNoAppIsRestarted(t *testing.T) {
	const count, least, image, next = 20, 18, "docker.io/library/busybox:1.37", "docker.io/rclone/rclone:1.76"
	p := newPlace(t, "baseline")
	p.template()
	p.apply("fleet/app.yaml")
	before := p.all("app", count)
	same := func(restarts int32) {
		t.Helper()
		for uid, pod := range p.all("app", count) {
			was := before[uid]
			if was == nil {
				t.Fatalf("pod %s was made anew", pod.Name)
			}
			if side := statusOf(pod, "app-side"); side.RestartCount != restarts {
				t.Errorf("%s: the sidecar was restarted %d times, want %d", pod.Name, side.RestartCount, restarts)
			}
			app, wasApp := statusOf(pod, "app"), statusOf(was, "app")
			if app.RestartCount != 0 || app.ContainerID != wasApp.ContainerID || !app.State.Running.StartedAt.Equal(&wasApp.State.Running.StartedAt) {
				t.Errorf("%s: the app was restarted", pod.Name)
			}
			if said := p.kubectl("logs", pod.Name, "-c", "app"); strings.Count(said, "the app starts") != 1 {
				t.Errorf("%s: the app says %q", pod.Name, said)
			}
		}
	}
	run := func(what string, code int, args ...string) string {
		t.Helper()
		fewest, begun := p.fewest("app"), time.Now()
		out, got := p.fleet("rollout", append([]string{"--max-unavailable", "2", "--timeout", "2m"}, args...)...)
		ready := fewest()
		if got != code {
			t.Fatalf("%s: exit code %d, want %d:\n%s", what, got, code, out)
		}
		if ready < least {
			t.Errorf("%s: %d pods were ready at once, the budget wants %d:\n%s", what, ready, least, out)
		}
		report("rollout: %s in %d pods: %.0f s, %d of %d ready all the time (budget: %d)", what, count, time.Since(begun).Seconds(), ready, count, least)
		return out
	}

	p.template(image, next)
	if out, code := p.fleet("status", "--exit-code"); code != 1 || !strings.Contains(out, "in-place") {
		t.Fatalf("status: exit code %d:\n%s", code, out)
	}
	run("a new image", 0)
	same(1)
	for _, pod := range p.all("app", count) {
		if got := statusOf(pod, "app-side"); !strings.Contains(got.Image, "rclone") {
			t.Errorf("%s runs %s", pod.Name, got.Image)
		}
	}

	if out, code := p.fleet("status", "--exit-code"); code != 0 {
		t.Errorf("status: exit code %d:\n%s", code, out)
	}

	p.template(image, next, "cpu: 2m", "cpu: 3m", "memory: 32Mi", "memory: 48Mi")
	run("other cpu and memory", 0)
	same(1) // only the new image caused a restart; a resize does not
	for _, pod := range p.all("app", count) {
		if got := statusOf(pod, "app-side").Resources; got == nil || got.Limits.Memory().String() != "48Mi" || got.Requests.Cpu().String() != "3m" {
			t.Errorf("%s runs with %v", pod.Name, got)
		}
	}

	p.template(image, image, "cpu: 2m", "cpu: 1990m", "memory: 32Mi", "memory: 48Mi")
	if out := run("more cpu than the node has left, and another image", 1, "--timeout", "10s", "-o", "wide"); !strings.Contains(out, "has its former cpu and memory again, because its node has not given it the new ones for 10s: ") {
		t.Errorf("rollout says\n%s", out)
	}
	same(1) // the image comes after cpu and memory
	p.until("no pod is half changed", func(context.Context) error {
		for _, pod := range p.all("app", count) {
			if c := pod.Spec.InitContainers[0]; c.Image != next || c.Resources.Requests.Cpu().String() != "3m" {
				return fmt.Errorf("%s has %s and %v", pod.Name, c.Image, c.Resources)
			}
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodResizePending {
					return fmt.Errorf("%s: %s", pod.Name, c.Message)
				}
			}
		}
		return nil
	})

	p.template(image, "node.local/nowhere:1", "cpu: 2m", "cpu: 3m", "memory: 32Mi", "memory: 48Mi")
	out := run("an image that cannot be had", 1)
	if !strings.Contains(out, "error: stopped: deployment/app") || !strings.Contains(out, "container app-side: ") {
		t.Errorf("rollout says\n%s", out)
	}
	list, err := suite.client.CoreV1().Pods(p.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=app"})
	p.must(err)
	bad := 0
	for _, pod := range list.Items {
		if pod.Spec.InitContainers[0].Image == "node.local/nowhere:1" {
			bad++
		} else if err := whyNotReady(&pod); err != nil {
			t.Errorf("%s, which was not changed: %v", pod.Name, err)
		}
	}
	if bad != 2 {
		t.Errorf("%d pods have the bad image, want those of the first batch, 2", bad)
	}
}

// TestPodsThatWereMissedAreRepaired: fifty of them, in five workloads with budgets.
func TestPodsThatWereMissedAreRepaired(t *testing.T) {
	const workloads, pods, least = 5, 10, 8
	p := newPlace(t, "baseline")
	p.template()
	p.kubectl("label", "namespace", p.namespace, "sidecar-injector.dev/injection-", "--overwrite")
	for n := range workloads {
		p.applyText(strings.ReplaceAll(read(t, "fleet/missed.yaml"), "NAME", fmt.Sprintf("missed-%d", n)))
	}
	var watchers []func() int
	for n := range workloads {
		for _, pod := range p.all(fmt.Sprintf("missed-%d", n), pods) {
			if len(pod.Spec.InitContainers) > 0 {
				t.Fatalf("%s has a sidecar", pod.Name)
			}
		}
		watchers = append(watchers, p.fewest(fmt.Sprintf("missed-%d", n)))
	}
	p.kubectl("label", "namespace", p.namespace, "sidecar-injector.dev/injection=enabled")
	begun := time.Now()
	out, code := p.fleet("repair", "--max-unavailable", "2", "--timeout", "2m")
	if code != 0 {
		t.Fatalf("repair: exit code %d:\n%s", code, out)
	}
	report("repair: %d pods in %.0f s", workloads*pods, time.Since(begun).Seconds())
	for n, fewest := range watchers {
		if got := fewest(); got < least {
			t.Errorf("workload %d: %d pods were ready at once, the budget wants %d", n, got, least)
		}
		for _, pod := range p.all(fmt.Sprintf("missed-%d", n), pods) {
			if len(pod.Spec.InitContainers) != 1 {
				t.Errorf("%s has no sidecar", pod.Name)
			}
		}
	}
	if out, code := p.fleet("repair"); code != 0 || !strings.Contains(out, "nothing is to do") {
		t.Errorf("repair again: exit code %d:\n%s", code, out)
	}
}
