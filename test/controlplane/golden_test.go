//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// TestTheAPIServerStoresWhatInjectPrints is the fourth way of running the golden cases: the workloads of each
// pass the API server, the real binary and, if there is one, the workload's controller.
func TestTheAPIServerStoresWhatInjectPrints(t *testing.T) {
	t.Parallel()
	var counted struct{ cases, pods, refusals, faults atomic.Int64 }
	t.Cleanup(func() { // after the groups, which run after this function returns
		suite.report("%d golden cases: %d pods stored, %d refused with the wanted message, %d faults of the manifest that the API server refuses itself",
			counted.cases.Load(), counted.pods.Load(), counted.refusals.Load(), counted.faults.Load())
	})
	run := func(t *testing.T, group *caseGroup, others ...string) {
		apart(t)
		i := startInjectorIn(t, group.folder, group.flags...)
		install(t, webhookConfiguration(t, i.url, i.ca), others...)
		today := group.today(t)
		for _, c := range group.cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				counted.cases.Add(1)
				if strings.HasPrefix(c.refusals, "in.yaml:") {
					counted.faults.Add(1)
					c.refusedByTheServer(t)
					return
				}
				pods, refusals := c.throughTheServer(t, today)
				counted.pods.Add(int64(pods))
				counted.refusals.Add(int64(refusals))
			})
		}
	}
	var named []*caseGroup
	for _, group := range loadCases(t) {
		if group.usesNamed(t) {
			named = append(named, group)
			continue
		}
		t.Run(group.cases[0].name, func(t *testing.T) {
			t.Parallel()
			run(t, group)
		})
	}
	// Each of these namespaces exists once, and only one injector at a time may serve it.
	t.Run("in namespaces of a name", func(t *testing.T) {
		t.Parallel()
		for _, group := range named {
			t.Run(group.cases[0].name, func(t *testing.T) { run(t, group, sharedScope) })
		}
	})
}

// usesNamed reports whether a case of the group needs a namespace with a certain name.
func (g *caseGroup) usesNamed(t *testing.T) bool {
	for _, c := range g.cases {
		if strings.HasPrefix(c.refusals, "in.yaml:") {
			continue
		}
		for _, w := range workloads(t, "in.yaml", c.input) {
			if w.namespace.name != "default" {
				return true
			}
		}
	}
	return false
}

// throughTheServer creates a case's workloads and compares the stored pods with those of the expected
// manifest, created in a namespace that is not sent to the injector. It returns the numbers of pods and
// refusals.
func (c *goldenCase) throughTheServer(t *testing.T, today *fleet.Today) (pods, refusals int) {
	inputs := workloads(t, "in.yaml", c.input)
	var wanted []workload
	if c.want != nil {
		if wanted = workloads(t, "want.yaml", c.want); len(wanted) != len(inputs) {
			t.Fatalf("%d workloads wanted, %d given", len(wanted), len(inputs))
		}
	}
	warnings := c.warnings(len(inputs))
	if slices.ContainsFunc(inputs, func(w workload) bool { return w.namespace.name != "default" }) {
		suite.shared.Lock()
		t.Cleanup(suite.shared.Unlock)
	}
	for n, w := range inputs {
		namespace := w.namespaceFor(t)
		got, err := w.makePod(t, namespace)
		if message, refused := refusal(err); refused {
			refusals++
			if strings.Contains(message, fmt.Sprintf("Kubernetes 1.%d ", suite.minor)) && strings.Contains(message, "["+string(templates.NewerKubernetes)+"]") {
				continue // the case's template needs a newer server
			}
			if !slices.Contains(strings.Split(c.refusals, "\n"), message) {
				t.Errorf("%s %s: refused with\n%s\nwant one of\n%s", w.kind, w.name, message, c.refusals)
			}
			continue
		}
		if wanted != nil && suite.minor < firstWithSleep && err != nil && strings.Contains(err.Error(), noHandler) {
			// The case needs a newer version, and the output of inject is refused too.
			if _, err := wanted[n].makePod(t, uncalledNamespace(t)); err == nil || !strings.Contains(err.Error(), noHandler) {
				t.Errorf("the wanted %s %s: %v, want %s", w.kind, w.name, err, noHandler)
			}
			continue
		}
		if apierrors.IsInvalid(err) {
			w.refusedAnyway(t, err)
			continue
		}
		if err != nil {
			t.Fatalf("%s %s: %v", w.kind, w.name, err)
		}
		pods++
		if wanted == nil {
			continue
		}
		want, err := wanted[n].makePod(t, uncalledNamespace(t))
		if err != nil {
			t.Fatalf("the wanted %s %s: %v", w.kind, w.name, err)
		}
		samePod(t, want.object, got.object)
		w.standsAsNew(t, today, namespace, got.object)
		again := w.injectAgain(t, namespace, got.object)
		if w.kind == "Pod" && warnings != nil {
			w.compareWarnings(t, namespace, warnings[n], append(want.warnings, again...), got.warnings)
		}
	}
	if want := strings.Count(c.refusals, "\n"); refusals != want {
		t.Errorf("%d pods refused, want %d:\n%s", refusals, want, c.refusals)
	}
	return pods, refusals
}

// noHandler is the error of an API server for a hook whose sleep it has dropped.
const noHandler = "must specify a handler type"

// refusedAnyway checks that the server refuses the workload for the same fault in a namespace that is not
// sent to the injector.
func (w *workload) refusedAnyway(t *testing.T, injected error) {
	t.Helper()
	if _, err := w.makePod(t, uncalledNamespace(t)); err == nil || err.Error() != injected.Error() {
		t.Errorf("%s %s: the API server refuses it with sidecars: %v\nand without: %v", w.kind, w.name, injected, err)
	}
}

// injectAgain creates the stored pod again, by a dry run: a second injection changes nothing. It returns the
// warnings, which a reinvoked injector may have given already.
func (w *workload) injectAgain(t *testing.T, namespace string, pod object) []string {
	t.Helper()
	once := clone(t, pod)
	metadata := once["metadata"].(object)
	name := metadata["name"]
	delete(metadata, "resourceVersion")
	delete(metadata, "uid")
	metadata["name"] = "once-more" // the name is still in use
	again := createPod(t, namespace, once, "dryRun=All")
	again.object["metadata"].(object)["name"] = name
	if diff := cmp.Diff(comparablePod(t, pod), comparablePod(t, again.object)); diff != "" {
		t.Errorf("%s %s: injected again (-once +twice):\n%s", w.kind, w.name, diff)
	}
	return again.warnings
}

// compareWarnings checks the warnings: those of the decision are required, and those that the server gives
// without a webhook are allowed. In a namespace without the opt-in label, the API server does not call the
// injector, so that there are none of the former.
func (w *workload) compareWarnings(t *testing.T, namespace string, ours, others, got []string) {
	t.Helper()
	var want []string
	if w.sent() {
		for _, warning := range ours {
			want = append(want, strings.ReplaceAll(warning, `namespace "default"`, fmt.Sprintf("namespace %q", namespace)))
		}
	}
	got = slices.DeleteFunc(slices.Clone(got), func(warning string) bool {
		return slices.Contains(others, warning) && !slices.Contains(want, warning)
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s %s: warnings (-wanted +got):\n%s", w.kind, w.name, diff)
	}
}

// sent reports whether the webhook configuration's selectors match the pod.
func (w *workload) sent() bool {
	labels, _ := w.object["metadata"].(object)["labels"].(object)
	onPod, podHas := labels[injectionLabel]
	onNamespace, namespaceHas := w.namespace.labels[injectionLabel]
	return (podHas || namespaceHas) && onPod != "disabled" && onNamespace != "disabled"
}

// warnings returns those of the case's decisions for each of its pods; nil if the case has none.
func (c *goldenCase) warnings(pods int) [][]string {
	if c.decisions == "" {
		return nil
	}
	all := make([][]string, 0, pods)
	for line := range strings.Lines(c.decisions) {
		if !strings.HasPrefix(line, " ") {
			all = append(all, nil)
		} else if warning, ok := strings.CutPrefix(line, "  warning: "); ok {
			all[len(all)-1] = append(all[len(all)-1], strings.TrimSuffix(warning, "\n"))
		}
	}
	return all
}

// namespaceFor returns the workload's namespace. For default, a new one is created, whose state nothing has
// cached.
func (w *workload) namespaceFor(t *testing.T) string {
	t.Helper()
	if w.namespace.name == "default" {
		return newNamespace(t, w.namespace.labels, w.namespace.annotations)
	}
	t.Cleanup(func() {
		if err := w.remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	createNamespace(t, w.namespace.name, w.namespace.labels, w.namespace.annotations)
	return w.namespace.name
}

// remove deletes the workload, and waits until the pods of its controller have ended: another case may use
// the same name.
func (w *workload) remove(ctx context.Context) error {
	pods := suite.client.CoreV1().Pods(w.namespace.name)
	if w.kind == "Pod" {
		err := pods.Delete(ctx, w.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	path := fmt.Sprintf(collections()[w.kind], w.namespace.name) + "/" + w.name
	err := suite.client.CoreV1().RESTClient().Delete().AbsPath(path).Param("propagationPolicy", "Background").Do(ctx).Error()
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return eventually(ctx, patience, func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			if strings.HasPrefix(pod.Name, w.name+"-") {
				return fmt.Errorf("pod %s is still there", pod.Name)
			}
		}
		return nil
	})
}

// makePod creates the workload and returns the resulting pod. A refused attempt of a controller is the same
// error as a refused creation of a pod.
func (w *workload) makePod(t *testing.T, namespace string) (stored, error) {
	t.Helper()
	o := clone(t, w.object)
	delete(o["metadata"].(object), "namespace")
	createAccounts(t, namespace, o)
	s, err := create(t.Context(), namespace, w.kind, o)
	if w.kind == "Pod" || err != nil {
		return s, err
	}
	if w.kind == "CronJob" {
		if err := trigger(t.Context(), namespace, s.object); err != nil {
			return s, err
		}
	}
	name, _ := s.object["metadata"].(object)["name"].(string)
	if w.kind == "CronJob" {
		name = "triggered"
	}
	s.object, err = podWithin(t, patience, namespace, name+"-")
	return s, err
}

// trigger starts a CronJob now, as kubectl create job --from does.
func trigger(ctx context.Context, namespace string, cronJob object) error {
	template := cronJob["spec"].(object)["jobTemplate"].(object)
	metadata, _ := template["metadata"].(object)
	if metadata == nil {
		metadata = object{}
	}
	metadata["name"] = "triggered"
	_, err := create(ctx, namespace, "Job", object{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"],
	})
	return err
}

// refusedByTheServer sends the documents of an invalid manifest unchanged: the API server, which reads YAML
// too, must refuse one of them as well.
func (c *goldenCase) refusedByTheServer(t *testing.T) {
	stream, err := manifest.Parse("in.yaml", c.input)
	documents := [][]byte{c.input}
	if err == nil {
		documents = nil
		for _, d := range stream.Documents {
			documents = append(documents, d.Text)
		}
	}
	namespace := enabledNamespace(t)
	for _, text := range documents {
		err := suite.client.CoreV1().RESTClient().Post().AbsPath(fmt.Sprintf(collections()["Pod"], namespace)).
			Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/yaml").Body(text).Do(t.Context()).Error()
		status := apierrors.APIStatus(nil)
		if !errors.As(err, &status) {
			continue
		}
		if code := status.Status().Code; code < 400 || code >= http.StatusInternalServerError {
			t.Errorf("the API server answers %d, want a refusal: %v", code, err)
		}
		return
	}
	t.Errorf("inject finds a fault that the API server does not: %s", strings.TrimSpace(c.refusals))
}

// patience is the maximum time until what a server, a controller or the injector is about to do is seen, on a machine
// that other tests keep busy. Nothing waits for longer than it takes.
const patience = 2 * time.Minute
