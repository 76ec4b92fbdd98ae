package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name == container {
			return status
		}
	}
	return corev1.ContainerStatus{}
}

// processes returns the processes of a container, by its cgroup, whose name contains the container's ID.
func processes(t *testing.T, pod *corev1.Pod, container string) []int {
	t.Helper()
	_, id, found := strings.Cut(statusOf(pod, container).ContainerID, "://")
	if !found {
		t.Fatalf("pod %s: container %s has no id", pod.Name, container)
	}
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	must(t, err)
	var pids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), id) {
			continue // it has ended, or belongs to another container
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		must(t, err)
		pids = append(pids, pid)
	}
	return pids
}

func signalAll(t *testing.T, pids []int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s for process %d: %v", signal, pid, err)
		}
	}
}

// restarted waits until a container has been started again and the pod is ready.
func (p *place) restarted(container string) *corev1.Pod {
	p.Helper()
	var pod *corev1.Pod
	p.until("restart of "+container, func(ctx context.Context) error {
		var err error
		if pod, err = p.one(ctx, "app=app"); err != nil {
			return err
		}
		if statusOf(pod, container).RestartCount == 0 {
			return errors.New("no restart")
		}
		return whyNotReady(pod)
	})
	return pod
}

func TestASidecarThatDiesIsRestartedAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "restricted")
	p.apply("lifecycles/app.yaml")
	pod := p.ready("app=app")
	signalAll(t, processes(t, pod, "app-sc-log-collector"), syscall.SIGKILL)
	pod = p.restarted("app-sc-log-collector")
	p.quiet("app-sc-log-collector")
	signalAll(t, processes(t, pod, "app"), syscall.SIGKILL)
	pod = p.restarted("app")
	if count := statusOf(pod, "app-sc-log-collector").RestartCount; count != 1 {
		t.Errorf("the app's end restarted the sidecar: %d restarts", count)
	}
}

func TestNativeSidecarsStartBeforeTheAppAndEndAfterIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "restricted")
	p.apply("lifecycles/app.yaml")
	pod := p.ready("app=app")
	started := statusOf(pod, "app").State.Running.StartedAt
	for _, sidecar := range []string{"app-sc-log-collector", "app-sc-health-check"} {
		if at := statusOf(pod, sidecar).State.Running.StartedAt; at.After(started.Time) {
			t.Errorf("%s started at %s, the app at %s", sidecar, at, started)
		}
	}
	endings := p.stop("app")
	for _, sidecar := range []string{"app-sc-log-collector", "app-sc-health-check"} {
		// The kubelet's times have a resolution of one second.
		if endings[sidecar].after < endings["app"].after {
			t.Errorf("%s ended before the app: %v", sidecar, endings)
		}
	}
	if last := slices.Max([]float64{endings["app-sc-log-collector"].after.Seconds(), endings["app-sc-health-check"].after.Seconds()}); last > 10 {
		t.Errorf("the pod took %.0f s to end, of 30 that it has: %v", last, endings)
	}
}

// TestAJobEndsBesideItsSidecars: native sidecars end with the Job; regular containers would keep it running
// forever, and are left out with a warning.
func TestAJobEndsBesideItsSidecars(t *testing.T) {
	t.Parallel()
	t.Run("native", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, "baseline")
		p.applyText(strings.ReplaceAll(read(t, "lifecycles/job.yaml"), "NATIVE", "true"))
		pod := p.finished("job")
		if code := statusOf(pod, "app-sc-data-sync").State.Terminated.ExitCode; code == 0 {
			t.Error("the last run failed, and the exit code is 0")
		}
		p.until("explain tells of the last run", func(context.Context) error {
			if out := p.inject("explain", "job/job"); !strings.Contains(out, "the last run failed") {
				return errors.New(out)
			}
			return nil
		})
	})
	t.Run("regular containers", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, "baseline")
		out, err := p.tryApply(strings.ReplaceAll(read(t, "lifecycles/job.yaml"), "NATIVE", "false"))
		p.must(err)
		if !strings.Contains(out, "data-sync is not injected") {
			t.Errorf("kubectl apply does not warn:\n%s", out)
		}
		if pod := p.finished("job"); len(pod.Spec.Containers) != 1 {
			t.Errorf("%d containers", len(pod.Spec.Containers))
		}
	})
}

func (p *place) tryApply(text string) (string, error) {
	p.Helper()
	command := suite.kubectl(p.Context(), "apply", "-n", p.namespace, "-f", "-")
	command.Stdin = strings.NewReader(text)
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestAnImageThatIsNotThereIsNamed: only the sidecar's image is missing; explain and status must report it.
func TestAnImageThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "restricted")
	p.applyText(strings.Replace(read(t, "lifecycles/app.yaml"), "    health-check.sidecar-injector.dev/interval: 1s",
		"    health-check.sidecar-injector.dev/override: '{image: registry.invalid/nothing:1}'", 1))
	p.until("explain names the image", func(ctx context.Context) error {
		out := p.inject("explain", "pod/app")
		for _, want := range []string{"app-sc-health-check", "registry.invalid/nothing:1", "ImagePullBackOff"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("no %q in\n%s", want, out)
			}
		}
		return nil
	})
	// The reason between two attempts to pull the image; during an attempt it is another.
	p.until("status names it", func(context.Context) error {
		if out := p.inject("status"); !strings.Contains(out, "ImagePullBackOff") {
			return errors.New(out)
		}
		return nil
	})
}

// TestHelmTestSaysThatTheInjectorWorks has an additional namespace whose deletion does not finish, in which
// no pod can be tried.
func TestHelmTestSaysThatTheInjectorWorks(t *testing.T) {
	p := newPlace(t, "") // check tries a pod in a namespace with the opt-in label
	p.makeNamespace("a-leaving-one", "")
	p.kubectl("-n", "a-leaving-one", "create", "configmap", "held")
	p.kubectl("-n", "a-leaving-one", "patch", "configmap", "held", "-p", `{"metadata":{"finalizers":["example.com/held"]}}`)
	defer p.kubectl("-n", "a-leaving-one", "patch", "configmap", "held", "-p", `{"metadata":{"finalizers":null}}`)
	p.kubectl("delete", "namespace", "a-leaving-one", "--wait=false")
	out, err := capture(suite.helm(t.Context(), "test", injector, "-n", injector, "--logs"))
	must(t, err)
	for _, not := range []string{"connection refused", "not seen"} {
		if strings.Contains(out, not) {
			t.Errorf("%q in\n%s", not, out)
		}
	}
	if strings.Count(out, "came back with its sidecar") != 1 {
		t.Errorf("want the trial told, once:\n%s", out)
	}
	pods, err := suite.client.CoreV1().Pods(p.namespace).List(t.Context(), metav1.ListOptions{})
	p.must(err)
	if len(pods.Items) != 0 {
		t.Errorf("%d pods are left", len(pods.Items))
	}
}
