package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// load creates Deployments at a steady rate, up to a number of pods.
type load struct {
	sizes map[string]int32 // of each Deployment
	done  chan error
}

// gated is the number of pods of a Deployment that never run: a scheduling gate keeps them pending.
const gated = 5

func (s *soak) beginLoad(t *testing.T, namespace string) *load {
	t.Helper()
	l := &load{sizes: map[string]int32{"running": int32(s.running)}, done: make(chan error, 1)}
	names := []string{"running"}
	for left := s.pods - s.running; left > 0; left -= gated {
		name := fmt.Sprintf("gated-%d", len(names))
		l.sizes[name] = int32(min(left, gated))
		names = append(names, name)
	}
	go func() {
		pace := time.NewTicker(s.span / time.Duration(len(names)))
		defer pace.Stop()
		for _, name := range names {
			if err := create(t.Context(), deployment(namespace, name, l.sizes[name])); err != nil {
				l.done <- err
				return
			}
			select {
			case <-pace.C:
			case <-t.Context().Done():
				l.done <- t.Context().Err()
				return
			}
		}
		l.done <- nil
	}()
	return l
}

// create retries while the API server does not answer.
func create(ctx context.Context, wanted *appsv1.Deployment) error {
	return eventually(ctx, recovery, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		_, err := suite.client.AppsV1().Deployments(wanted.Namespace).Create(ctx, wanted, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil // it was created, and the answer was lost
		}
		return err
	})
}

func (l *load) wait(t *testing.T) {
	t.Helper()
	must(t, <-l.done)
}

func (l *load) pods() int {
	sum := 0
	for _, size := range l.sizes {
		sum += int(size)
	}
	return sum
}

func deployment(namespace, name string, size int32) *appsv1.Deployment {
	no, second := false, int64(1)
	labels := map[string]string{"app": name}
	spec := corev1.PodSpec{
		AutomountServiceAccountToken: &no, EnableServiceLinks: &no, TerminationGracePeriodSeconds: &second,
		Containers: []corev1.Container{{Name: "app", Image: pauseImage}},
	}
	if name != "running" {
		spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "soak.node.local/never"}}
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &size, Selector: &metav1.LabelSelector{MatchLabels: labels},
			// A rolling update would wait for pods that never become ready.
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"sidecar-injector.dev/inject": "soak"}},
				Spec:       spec,
			},
		},
	}
}

// awaitPods waits until each Deployment has all its pods: none was refused permanently. If controllers do not
// retry although everything works again, it makes them retry, and returns the number of those Deployments.
func (s *soak) awaitPods(t *testing.T, namespace string, l *load) (nudged int) {
	t.Helper()
	well := time.Now()
	var lacking []string
	complete := func(ctx context.Context) error {
		list, err := suite.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		got := map[string]int32{}
		for _, d := range list.Items {
			if d.Status.ObservedGeneration == d.Generation {
				got[d.Name] = d.Status.UpdatedReplicas
			}
		}
		lacking = slices.DeleteFunc(slices.Sorted(maps.Keys(l.sizes)), func(name string) bool { return got[name] == l.sizes[name] })
		if diff := cmp.Diff(l.sizes, got); diff != "" {
			return fmt.Errorf("pods of Deployments (-want +got):\n%s", diff)
		}
		return nil
	}
	err := eventually(t.Context(), unasked, complete)
	if err != nil {
		nudged = len(lacking)
		t.Logf("%s after all is well, these have not got their pods: %v", unasked, lacking)
		s.askAgain(t, namespace, lacking, well)
		err = eventually(t.Context(), recovery, complete)
	}
	if err != nil {
		events, _ := capture(suite.kubectl(context.Background(), "-n", namespace, "get", "events", "--field-selector", "type=Warning", "--sort-by=.lastTimestamp"))
		t.Fatalf("%v\n%s", err, lastLines(events, 20))
	}
	return nudged
}

// askAgain changes Deployments, as docs/reliability.md says, so that their ReplicaSets retry at once. It is
// only correct if the last refusal is from before everything worked again.
func (s *soak) askAgain(t *testing.T, namespace string, deployments []string, well time.Time) {
	t.Helper()
	list, err := suite.client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
	must(t, err)
	for _, event := range list.Items {
		lacks := slices.ContainsFunc(deployments, func(name string) bool { return strings.HasPrefix(event.InvolvedObject.Name, name+"-") })
		if lacks && event.LastTimestamp.After(well.Add(time.Second)) {
			t.Errorf("%s was refused although all is well: %s", event.InvolvedObject.Name, event.Message)
		}
	}
	_, err = capture(suite.kubectl(t.Context(), slices.Concat([]string{"-n", namespace, "annotate", "--overwrite", "deployment"}, deployments, []string{"retry=" + well.Format(time.TimeOnly)})...))
	must(t, err)
}

// verify checks each pod, and returns the number of those without a sidecar, by Deployment.
func (s *soak) verify(t *testing.T, namespace string) map[string]int {
	t.Helper()
	var list *corev1.PodList
	must(t, persist(t.Context(), func(ctx context.Context) (err error) {
		list, err = suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err
	}))
	missing := map[string]int{}
	for _, pod := range list.Items {
		if pod.DeletionTimestamp != nil {
			continue
		}
		if len(pod.Spec.InitContainers) == 0 && pod.Annotations[statusAnnotation] == "" {
			missing[pod.Labels["app"]]++
		} else if err := hasOnce(&pod); err != nil {
			t.Errorf("pod %s/%s: %v", namespace, pod.Name, err)
		}
	}
	return missing
}

// verifyAll does that again for the pods of all faults: later faults must not have undone anything.
func (s *soak) verifyAll(t *testing.T) {
	t.Helper()
	for _, namespace := range s.places {
		if missing := s.verify(t, namespace); len(missing) > 0 {
			t.Errorf("namespace %s: pods without a sidecar: %v", namespace, missing)
		}
	}
}

const (
	statusAnnotation = "sidecar-injector.dev/status"
	soakSidecar      = "app-soak"
)

// hasOnce returns an error unless the pod's status lists exactly one sidecar, which exists together with
// everything that the pod's author wrote.
func hasOnce(pod *corev1.Pod) error {
	var status map[string]struct{ Sidecars, Containers []string }
	if err := json.Unmarshal([]byte(pod.Annotations[statusAnnotation]), &status); err != nil {
		return fmt.Errorf("annotation %s: %w", statusAnnotation, err)
	}
	var names []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		names = append(names, c.Name)
	}
	if len(status) != 1 || !slices.Equal(status["soak"].Sidecars, []string{soakSidecar}) || !slices.Equal(names, []string{soakSidecar, "app"}) {
		return fmt.Errorf("containers %v, status %v, want one sidecar %s", names, status, soakSidecar)
	}
	return nil
}

// renewMissed replaces the pods that the command status reports as missed; those must be all that lack a
// sidecar.
func (s *soak) renewMissed(t *testing.T, namespace string, missing map[string]int) {
	t.Helper()
	out, err := capture(suite.cli(t.Context(), "status", "-n", namespace, "-o", "json"))
	must(t, err)
	var status struct {
		Sidecars []struct {
			Kind, Name string
			States     map[string]int
		}
	}
	must(t, json.Unmarshal([]byte(out), &status))
	named := map[string]int{}
	for _, w := range status.Sidecars {
		if missed := w.States["missed"]; missed > 0 {
			named[w.Name] = missed
			_, err := capture(suite.kubectl(t.Context(), "-n", namespace, "rollout", "restart", strings.ToLower(w.Kind)+"/"+w.Name))
			must(t, err)
		}
	}
	if diff := cmp.Diff(missing, named); diff != "" {
		t.Errorf("pods that sidecar-injector status names as missed (-are +named):\n%s", diff)
	}
	if len(missing) == 0 {
		t.Error("no pod was missed, though nobody was there to inject: the fault did not happen")
	}
}

// retries returns how often the creation of a pod by a ReplicaSet was refused.
func retries(t *testing.T, namespace string) int {
	t.Helper()
	count := 0
	must(t, persist(t.Context(), func(ctx context.Context) error {
		list, err := suite.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
		if err != nil {
			return err
		}
		count = 0
		for _, event := range list.Items {
			times := max(event.Count, 1)
			if event.Series != nil {
				times = event.Series.Count
			}
			count += int(times)
		}
		return nil
	}))
	return count
}

func templateText(t *testing.T, change int) string {
	t.Helper()
	return strings.ReplaceAll(read(t, "soak/template.yaml"), `"CHANGE"`, strconv.Quote(strconv.Itoa(change)))
}
