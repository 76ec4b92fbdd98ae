package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pause waits, and reports whether the span has not ended.
func pause(span context.Context, d time.Duration) bool {
	select {
	case <-span.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// wait does nothing during the span, for faults that are set up before.
func (s *soak) wait(_ *testing.T, span context.Context) { <-span.Done() }

func (s *soak) restartRollout(t *testing.T, span context.Context) {
	for more := true; more; more = pause(span, 2*time.Second) {
		_, err := capture(suite.kubectl(t.Context(), "-n", injector, "rollout", "restart", "deployment/"+injector))
		must(t, err)
		_, err = capture(suite.kubectl(t.Context(), "-n", injector, "rollout", "status", "deployment/"+injector, "--timeout=3m"))
		must(t, err)
	}
}

// killReplicas kills the replicas in turn. One whose container is waiting to be restarted is skipped. It reports
// how many calls failed until the Service no longer had the killed one.
func (s *soak) killReplicas(t *testing.T, span context.Context) {
	killed, before := 0, s.meter.read(t)
	for turn := 0; pause(span, 5*time.Second); turn++ {
		pod := replica(t, turn)
		for _, pid := range processes(t, pod, pod.Spec.Containers[0].Name) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatal("no process of a replica was killed")
	}
	after := s.meter.read(t)
	calls, failed := after.calls-before.calls, after.failed-before.failed
	report("soak: %d replicas were killed, one every 5 s: %d of %d calls failed, %.1f after each", killed, failed, calls, float64(failed)/float64(killed))
}

const (
	// away is three times the webhook's timeout.
	away = 15 * time.Second
	// again is how long a replica works before the next one is stopped.
	again = 5 * time.Second
)

func (s *soak) freezeReplicas(t *testing.T, span context.Context) {
	for turn := 0; turn == 0 || pause(span, again); turn++ {
		pod := replica(t, turn)
		pids := processes(t, pod, pod.Spec.Containers[0].Name)
		if len(pids) == 0 {
			t.Fatal("no process of a replica was found")
		}
		signalAll(t, pids, syscall.SIGSTOP)
		pause(t.Context(), away)
		signalAll(t, pids, syscall.SIGCONT)
	}
}

// cutReplicas drops all packets to and from a replica, including the kubelet's probes.
func (s *soak) cutReplicas(t *testing.T, span context.Context) {
	for turn := 0; turn == 0 || pause(span, again); turn++ {
		address := replica(t, turn).Status.PodIP
		rules := [][]string{{"OUTPUT", "-d", address, "-j", "DROP"}, {"INPUT", "-s", address, "-j", "DROP"}}
		for _, rule := range rules {
			_, err := capture(within(t.Context(), "iptables", append([]string{"-w", "-I"}, rule...)...))
			must(t, err)
		}
		pause(t.Context(), away)
		for _, rule := range rules {
			_, err := capture(within(context.Background(), "iptables", append([]string{"-w", "-D"}, rule...)...))
			must(t, err)
		}
	}
}

func (s *soak) replaceAuthority(t *testing.T, span context.Context) {
	for more := true; more; more = pause(span, 10*time.Second) {
		must(t, persist(t.Context(), func(ctx context.Context) error {
			err := suite.client.CoreV1().Secrets(injector).Delete(ctx, injector+"-ca", metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return nil // a replica has not created it yet
			}
			return err
		}))
	}
}

// changeTemplate makes 100 revisions; the last one must be in use at the end.
func (s *soak) changeTemplate(t *testing.T, _ context.Context) {
	const changes = 100
	pace := time.NewTicker(s.span / changes)
	defer pace.Stop()
	for change := range changes {
		s.applyTemplate(t, change+1)
		<-pace.C
	}
	want := corev1.EnvVar{Name: "CHANGE", Value: strconv.Itoa(changes)}
	namespace := s.places[len(s.places)-1]
	must(t, eventually(t.Context(), time.Minute, func(ctx context.Context) error {
		made, err := tryPod(ctx, namespace)
		if err != nil {
			return err
		}
		if len(made.Spec.InitContainers) != 1 || !slices.Contains(made.Spec.InitContainers[0].Env, want) {
			return fmt.Errorf("a new pod does not have the last change of the template: %v", made.Spec.InitContainers)
		}
		return nil
	}))
}

// withoutReplicas scales the injector to 0 for 30 s and up again.
func (s *soak) withoutReplicas(t *testing.T, _ context.Context) {
	scale := func(count int) {
		must(t, persist(t.Context(), func(ctx context.Context) error {
			patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, count)
			_, err := suite.client.AppsV1().Deployments(injector).Patch(ctx, injector, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		}))
	}
	pods, err := replicas(t.Context())
	must(t, err)
	scale(0)
	// Deleted without a grace period; otherwise they would answer for another 15 s while the Service removes
	// them.
	now := int64(0)
	for _, pod := range pods {
		err := suite.client.CoreV1().Pods(injector).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
	pause(t.Context(), 30*time.Second)
	scale(2)
}

// restart stops a server of the node, and starts it again some seconds later.
func restart(name string) func(*soak, *testing.T, context.Context) {
	return func(s *soak, t *testing.T, span context.Context) {
		pause(span, s.span/4)
		s.restartNow(t, name)
	}
}

func (s *soak) restartNow(t *testing.T, name string) {
	t.Helper()
	_ = s.meter.sample(t.Context())
	command := endServer(t, name)
	if name == "kube-apiserver" {
		s.meter.restarts()
	}
	pause(t.Context(), 3*time.Second)
	must(t, suite.launch(name, command[0], command[1:]...))
	must(t, suite.answers(t.Context()))
}

// coldStart kills everything, as a loss of power does, and starts it again.
func (s *soak) coldStart(t *testing.T, span context.Context) {
	pause(span, s.span/4)
	started := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "containerd", "kubelet", "coredns", "kube-proxy"}
	ended := slices.Clone(started)
	slices.Reverse(ended)
	_ = s.meter.sample(t.Context())
	commands := map[string][]string{}
	for _, name := range ended {
		commands[name] = endServer(t, name)
	}
	must(t, suite.killPods())
	s.meter.restarts()
	for _, name := range started {
		must(t, suite.launch(name, commands[name][0], commands[name][1:]...))
		switch name { // the next server exits if this one does not answer yet
		case "kube-apiserver":
			must(t, suite.answers(t.Context()))
		case "containerd":
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error { return suite.ctr(ctx, "version") }))
		}
	}
	// With many containers to recover, containerd takes half a minute until the kubelet can use it. A kubelet
	// that exits meanwhile is started again, as a machine's init would do. The node's status cannot be used,
	// because it is that before the restart.
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		if suite.pid("kubelet") == 0 {
			must(t, suite.launch("kubelet", commands["kubelet"][0], commands["kubelet"][1:]...))
		}
		return kubeletAnswers(ctx)
	}))
}

// kubeletAnswers checks the kubelet's own health endpoint.
func kubeletAnswers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:10248/healthz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dialWithin, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// endServer kills a server and returns its command line.
func endServer(t *testing.T, name string) []string {
	t.Helper()
	command := suite.commandLine(name)
	if len(command) == 0 {
		t.Fatalf("%s does not run", name)
	}
	must(t, suite.end(name, 5*time.Second))
	return command
}

// helmSet upgrades the installation by one value.
func helmSet(value string) func(*soak, *testing.T) {
	return func(_ *soak, t *testing.T) {
		_, err := capture(suite.helm(t.Context(), "upgrade", injector, filepath.Join(repository, "charts/sidecar-injector"),
			"--namespace", injector, "--reuse-values", "--wait", "--set", value))
		must(t, err)
	}
}

// replicas returns the injector's running pods that are not being deleted, sorted by name.
func replicas(ctx context.Context) ([]corev1.Pod, error) {
	list, err := suite.client.CoreV1().Pods(injector).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + injector})
	if err != nil {
		return nil, err
	}
	pods := slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool {
		statuses := pod.Status.ContainerStatuses
		return pod.DeletionTimestamp != nil || len(statuses) == 0 || statuses[0].State.Running == nil
	})
	if len(pods) == 0 {
		return nil, errors.New("no replica runs")
	}
	return pods, nil
}

// replica returns a running replica: each in turn.
func replica(t *testing.T, turn int) *corev1.Pod {
	t.Helper()
	var found *corev1.Pod
	must(t, persist(t.Context(), func(ctx context.Context) error {
		pods, err := replicas(ctx)
		if err == nil {
			found = &pods[turn%len(pods)]
		}
		return err
	}))
	return found
}

// awaitInjector waits until all replicas are ready, there are no others, and a pod of a namespace gets its
// sidecar: after a loss of power the Deployment's status is an old one.
func (s *soak) awaitInjector(t *testing.T, namespace string) {
	t.Helper()
	must(t, eventually(t.Context(), recovery, func(ctx context.Context) error {
		d, err := suite.client.AppsV1().Deployments(injector).Get(ctx, injector, metav1.GetOptions{})
		if err != nil {
			return err
		}
		want, got := *d.Spec.Replicas, d.Status
		if got.ObservedGeneration != d.Generation || got.ReadyReplicas != want || got.UpdatedReplicas != want || got.Replicas != want {
			return fmt.Errorf("replicas of the injector: want %d, got %d ready, %d updated, %d in all", want, got.ReadyReplicas, got.UpdatedReplicas, got.Replicas)
		}
		made, err := tryPod(ctx, namespace)
		if err == nil && len(made.Spec.InitContainers) != 1 {
			err = errors.New("a new pod has no sidecar")
		}
		return err
	}))
}

// tryPod creates one of the soak's pods by a dry run.
func tryPod(ctx context.Context, namespace string) (*corev1.Pod, error) {
	template := deployment(namespace, "running", 1).Spec.Template
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	pod.Name = "probe"
	return suite.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// runningPods returns the pods without a scheduling gate.
func (s *soak) runningPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods []corev1.Pod
	for _, namespace := range s.places {
		list, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=running"})
		if err != nil {
			return nil, err
		}
		pods = append(pods, list.Items...)
	}
	return slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil }), nil
}

// allRun waits until every pod without a scheduling gate is ready, with all containers running.
func (s *soak) allRun(t *testing.T) {
	t.Helper()
	must(t, eventually(t.Context(), recovery, func(ctx context.Context) error {
		pods, err := s.runningPods(ctx)
		if err != nil {
			return err
		}
		if want := len(s.places) * s.running; len(pods) != want {
			return fmt.Errorf("%d pods without a gate, want %d", len(pods), want)
		}
		for _, pod := range pods {
			if err := whyNotReady(&pod); err != nil {
				return err
			}
			for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				if status.State.Running == nil {
					return &notReadyError{pod.Name, status.Name + " does not run"}
				}
			}
		}
		return nil
	}))
}

// restartKubelet records the running containers and restarts the kubelet.
func (s *soak) restartKubelet(t *testing.T, span context.Context) {
	pause(span, s.span/4)
	s.ran = s.containers(t)
	s.restartNow(t, "kubelet")
}

// allLeftAlone checks that the kubelet did not restart running containers. A container that it had created
// but not started yet is created again, and counts as restarted.
func (s *soak) allLeftAlone(t *testing.T) {
	t.Helper()
	s.allRun(t)
	now := s.containers(t)
	for id, name := range s.ran {
		if now[id] == "" {
			t.Errorf("%s ran before the kubelet was restarted, and does not any more", name)
		}
	}
	if len(s.ran) == 0 {
		t.Error("nothing ran before the kubelet was restarted")
	}
}

// containers returns the running containers of pods without a scheduling gate, by ID.
func (s *soak) containers(t *testing.T) map[string]string {
	t.Helper()
	var pods []corev1.Pod
	must(t, persist(t.Context(), func(ctx context.Context) (err error) {
		pods, err = s.runningPods(ctx)
		return err
	}))
	found := map[string]string{}
	for _, pod := range pods {
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if status.State.Running != nil {
				found[status.ContainerID] = pod.Namespace + "/" + pod.Name + "/" + status.Name
			}
		}
	}
	return found
}
