package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// limit is the maximum time for what should take seconds, because other tests run in parallel.
const limit = 3 * time.Minute

// place is a namespace of one test. If the test fails, its state is printed.
type place struct {
	*testing.T
	namespace string
}

var places atomic.Int64

// newPlace creates a namespace with the opt-in label and a level of Pod Security ("" for none).
func newPlace(t *testing.T, level string) *place {
	t.Helper()
	p := &place{t, fmt.Sprintf("test-%x-%d", suite.begun.Unix(), places.Add(1))}
	p.makeNamespace(p.namespace, level)
	return p
}

func (p *place) makeNamespace(name, level string) {
	p.Helper()
	p.must(enableNamespace(p.Context(), name, level))
	p.Cleanup(func() {
		if p.Failed() {
			p.Log(p.seen())
		}
		now := int64(0)
		err := suite.client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // the test may have deleted it
			p.Error(err)
		}
	})
}

// enableNamespace creates a namespace with the opt-in label, and waits until pods can be created there.
func enableNamespace(ctx context.Context, name, level string) error {
	labels := map[string]string{"sidecar-injector.dev/injection": "enabled"}
	if level != "" {
		labels["pod-security.kubernetes.io/enforce"] = level
	}
	_, err := suite.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return eventually(ctx, limit, func(ctx context.Context) error {
		_, err := suite.client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// seen returns the state of the namespace, to analyse a failure.
func (p *place) seen() string {
	var text strings.Builder
	for _, args := range [][]string{{"get", "pods", "-o", "wide"}, {"get", "events", "--sort-by=.lastTimestamp"}} {
		out, err := capture(suite.kubectl(context.Background(), append(args, "-n", p.namespace)...))
		fmt.Fprintln(&text, out, err)
	}
	pods, err := suite.client.CoreV1().Pods(p.namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return text.String() + err.Error()
	}
	for _, pod := range pods.Items {
		out, _ := capture(suite.kubectl(context.Background(), "logs", "-n", p.namespace, pod.Name, "--all-containers", "--prefix", "--tail=12", "--ignore-errors"))
		fmt.Fprintln(&text, out)
	}
	return text.String()
}

func (p *place) must(err error) {
	p.Helper()
	must(p, err)
}

// until waits until check returns nil.
func (p *place) until(what string, check func(ctx context.Context) error) {
	p.Helper()
	if err := eventually(p.Context(), limit, check); err != nil {
		p.Fatalf("%s: %v", what, err)
	}
}

// apply applies files below testdata, or given by absolute paths.
func (p *place) apply(names ...string) {
	p.Helper()
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join("testdata", name)
		}
		p.kubectl("apply", "-f", name)
	}
}

// applyText applies a manifest.
func (p *place) applyText(text string) {
	p.Helper()
	command := suite.kubectl(p.Context(), "apply", "-n", p.namespace, "-f", "-")
	command.Stdin = strings.NewReader(text)
	_, err := capture(command)
	p.must(err)
}

func (p *place) kubectl(args ...string) string {
	p.Helper()
	out, err := p.try(args...)
	p.must(err)
	return out
}

func (p *place) try(args ...string) (string, error) {
	return capture(suite.kubectl(p.Context(), append([]string{"-n", p.namespace}, args...)...))
}

// in runs a command in a container.
func (p *place) in(pod, container string, command ...string) string {
	p.Helper()
	return p.kubectl(append([]string{"exec", pod, "-c", container, "--"}, command...)...)
}

// ready waits until the one pod of a selector is ready.
func (p *place) ready(selector string) *corev1.Pod {
	p.Helper()
	var found *corev1.Pod
	p.until("pod "+selector, func(ctx context.Context) error {
		pod, err := p.one(ctx, selector)
		if err != nil {
			return err
		}
		found = pod
		return whyNotReady(pod)
	})
	return found
}

// one returns the only pod of a selector that is not being deleted.
func (p *place) one(ctx context.Context, selector string) (*corev1.Pod, error) {
	list, err := suite.client.CoreV1().Pods(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	items := slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
	if len(items) != 1 {
		return nil, fmt.Errorf("%d pods of %s, want one", len(items), selector)
	}
	return &items[0], nil
}

func whyNotReady(pod *corev1.Pod) error {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	var why []string
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := status.State.Waiting; w != nil {
			why = append(why, status.Name+": "+w.Reason+" "+w.Message)
		}
		if e := status.State.Terminated; e != nil && e.ExitCode != 0 {
			why = append(why, fmt.Sprintf("%s: exit %d %s", status.Name, e.ExitCode, e.Message))
		}
	}
	return &notReadyError{pod.Name, strings.Join(why, "; ")}
}

// says waits until a container's output contains a text.
func (p *place) says(pod, container, text string) {
	p.Helper()
	p.until(fmt.Sprintf("%s/%s says %q", pod, container, text), func(context.Context) error {
		out, err := p.try("logs", pod, "-c", container)
		if err == nil && !strings.Contains(out, text) {
			err = fmt.Errorf("it says\n%s", lastLines(out, 10))
		}
		return err
	})
}

// described waits until kubectl describe shows an event with all these texts.
func (p *place) described(pod string, texts ...string) {
	p.Helper()
	p.until(fmt.Sprintf("kubectl describe says %q", texts), func(context.Context) error {
		return lineWith(p.kubectl("describe", "pod", pod), texts)
	})
}

// explained waits until explain has a line with all these texts about a pod.
func (p *place) explained(pod string, texts ...string) {
	p.Helper()
	p.until(fmt.Sprintf("explain says %q", texts), func(context.Context) error {
		return lineWith(p.inject("explain", "pod/"+pod), texts)
	})
}

// lineWith returns nil if one line has all the texts.
func lineWith(out string, texts []string) error {
	for line := range strings.Lines(out) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return nil
		}
	}
	return fmt.Errorf("it says\n%s", lastLines(out, 12))
}

// keepOutput opens the file that holds a container's output, and returns what reads all of it: also when the kubelet has
// removed the file with the pod. What follows it by the API server may miss the last lines then.
func (p *place) keepOutput(pod *corev1.Pod, container string) func() string {
	p.Helper()
	file, err := os.Open(suite.path("podlogs", fmt.Sprintf("%s_%s_%s", pod.Namespace, pod.Name, pod.UID), container, "0.log"))
	p.must(err)
	p.Cleanup(func() { file.Close() })
	return func() string {
		p.Helper()
		data, err := io.ReadAll(file)
		p.must(err)
		var text strings.Builder
		for line := range strings.Lines(string(data)) {
			fields := strings.SplitN(line, " ", 4) // time, stdout or stderr, F for a whole line, and the line
			text.WriteString(fields[len(fields)-1])
		}
		return text.String()
	}
}

// ending is the end of one container of a deleted pod.
type ending struct {
	code  int32
	after time.Duration // since the deletion
}

// stop deletes a pod and returns how each of its containers ended.
func (p *place) stop(name string) map[string]ending {
	p.Helper()
	watch, err := suite.client.CoreV1().Pods(p.namespace).Watch(p.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	p.must(err)
	defer watch.Stop()
	begun := time.Now()
	p.must(suite.client.CoreV1().Pods(p.namespace).Delete(p.Context(), name, metav1.DeleteOptions{}))
	endings := map[string]ending{}
	for {
		select {
		case <-time.After(limit):
			p.Fatalf("pod %s does not end", name)
		case event, open := <-watch.ResultChan():
			if !open {
				p.Fatal("the watch has ended")
			}
			pod, isPod := event.Object.(*corev1.Pod)
			if !isPod {
				continue
			}
			for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				if e := status.State.Terminated; e != nil && (status.RestartCount == 0 || e.FinishedAt.After(begun.Add(-time.Second))) {
					endings[status.Name] = ending{e.ExitCode, e.FinishedAt.Sub(begun)}
				}
			}
			if event.Type == "DELETED" {
				return endings
			}
		}
	}
}

// finished waits until a Job is Complete, and returns its pod.
func (p *place) finished(job string) *corev1.Pod {
	p.Helper()
	p.until("job "+job, func(ctx context.Context) error {
		found, err := suite.client.BatchV1().Jobs(p.namespace).Get(ctx, job, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if found.Status.CompletionTime == nil {
			return fmt.Errorf("active %d, failed %d, succeeded %d", found.Status.Active, found.Status.Failed, found.Status.Succeeded)
		}
		return nil
	})
	list, err := suite.client.CoreV1().Pods(p.namespace).List(p.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job})
	p.must(err)
	if len(list.Items) != 1 {
		p.Fatalf("%d pods of job %s, want one", len(list.Items), job)
	}
	return &list.Items[0]
}

// quiet fails the test for each result of amiss; restarts of the containers in except are allowed.
func (p *place) quiet(except ...string) {
	p.Helper()
	for _, what := range p.amiss(except...) {
		p.Error(what)
	}
}

// amiss returns the containers that were restarted, that could not be created or started at any time, and
// those whose liveness probe fails.
func (p *place) amiss(except ...string) []string {
	p.Helper()
	var found []string
	pods, err := suite.client.CoreV1().Pods(p.namespace).List(p.Context(), metav1.ListOptions{})
	p.must(err)
	for _, pod := range pods.Items {
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if status.RestartCount > 0 && !slices.Contains(except, status.Name) {
				found = append(found, fmt.Sprintf("%s/%s was restarted %d times", pod.Name, status.Name, status.RestartCount))
			}
			if w := status.State.Waiting; w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
				found = append(found, fmt.Sprintf("%s/%s waits: %s %s", pod.Name, status.Name, w.Reason, w.Message))
			}
		}
	}
	events, err := suite.client.CoreV1().Events(p.namespace).List(p.Context(), metav1.ListOptions{})
	p.must(err)
	for _, event := range events.Items {
		// Failed is the kubelet's reason for a container that cannot be created or started, and for an image
		// that cannot be pulled.
		if event.Reason == "Failed" || event.Reason == "Unhealthy" && strings.Contains(event.Message, "Liveness") {
			found = append(found, fmt.Sprintf("%s: %s", event.InvolvedObject.Name, event.Message))
		}
	}
	return found
}

// TestAContainerThatCannotBeMadeIsAmiss tests quiet, with which most tests end.
func TestAContainerThatCannotBeMadeIsAmiss(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	p.applyText(strings.Replace(read(t, "lifecycles/app.yaml"), "  - name: app\n", "  - name: app\n    envFrom: [{secretRef: {name: nowhere}}]\n", 1))
	p.until("the kubelet says so", func(context.Context) error {
		if found := strings.Join(p.amiss(), "\n"); !strings.Contains(found, "app/app waits: CreateContainerConfigError") || !strings.Contains(found, `Error: secret "nowhere" not found`) {
			return fmt.Errorf("amiss: %q", found)
		}
		return nil
	})
	p.kubectl("create", "secret", "generic", "nowhere")
	p.ready("app=app")
	if found := p.amiss(); len(found) == 0 || !strings.Contains(found[0], "nowhere") {
		t.Errorf("what was amiss before is forgotten: %q", found)
	}
}

// inject runs the injector's own command line in this namespace.
func (p *place) inject(args ...string) string {
	p.Helper()
	out, err := capture(suite.cli(p.Context(), append(args, "-n", p.namespace)...))
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	return string(text)
}
