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
	"k8s.io/apimachinery/pkg/types"
)

// TestEventsTellTheOwnersOfPods uses pods made by controllers, and pods made by the test as a controller
// would.
func TestEventsTellTheOwnersOfPods(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.kubeconfig = suite.kubeconfig
	first, second := i.start("first", "127.0.0.1"), i.start("second", "127.0.0.1")
	i.create(i.configuration(first.url))
	waitReady(t, first, second)
	i.waitInjects()

	asks := func(name, template string) string {
		text := deploymentText("", "", "sidecar-injector.dev/inject: "+template, `health-check.sidecar-injector.dev/port: "80"`)
		return strings.Replace(strings.Replace(text, "name: web", "name: "+name, 1), "replicas: 0", "replicas: 3", 1)
	}
	applied(t, i.pods, asks("good", "health-check"))
	applied(t, i.pods, asks("bad", "health-chek"))
	i.waitEvents(t, "ReplicaSet good-", `Normal Injected: pods get health-check from template health-check@`)
	i.waitEvents(t, "ReplicaSet bad-", `Warning UnknownTemplate: the pod is refused: metadata.annotations["sidecar-injector.dev/inject"]: template "health-chek" does not exist (did you mean health-check?)`)

	// Pods of one ReplicaSet, created by the test: the second and third cause no new event, a dry run none at
	// all.
	set := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "by-hand", UID: types.UID("5ad1cb31-9d3c-4f4a-a2a4-0c8a54a0f2f1"), Controller: new(true)}
	pod := askingPod("by-hand")
	pod.OwnerReferences = []metav1.OwnerReference{set}
	createPod(t, i.pods, pod, "dryRun=All")
	for range 3 {
		createPod(t, i.pods, pod)
	}
	secret := askingPod("by-hand")
	secret.OwnerReferences = pod.OwnerReferences
	secret.Annotations["health-check.sidecar-injector.dev/port"] = "s3cret"
	for range 2 {
		if _, err := create(t.Context(), i.pods, "Pod", secret); err == nil {
			t.Fatal("admitted")
		}
	}
	i.waitEvents(t, "ReplicaSet by-hand", "Warning BadParameter: the pod is refused: ")
	for _, e := range i.events(t.Context(), t) {
		told := e.InvolvedObject.Kind + " " + e.InvolvedObject.Name
		switch {
		case e.InvolvedObject.Kind == "Pod":
			t.Errorf("an event on a pod: %s", e.Message)
		case strings.Contains(e.Message, "s3cret"):
			t.Errorf("%s: a parameter's value is told: %s", told, e.Message)
		case e.Reason == "Injected" && e.Count != 1:
			t.Errorf("%s: told %d times", told, e.Count)
		case e.Source.Component != "sidecar-injector" || e.Source.Host != "first":
			t.Errorf("%s: told by %+v", told, e.Source)
		}
	}
	if got := i.reasons(t, "by-hand"); !slices.Equal(got, []string{"BadParameter 2", "Injected 1"}) {
		t.Errorf("events on the ReplicaSet: %v", got)
	}

	// The other replica has written no events. For the same workload it updates the same event; it writes in
	// order, so that the last event shows that all are written.
	i.redirect(t, second.url)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		if err := i.injects(ctx); err != nil || second.decided(t) > 0 {
			return err
		}
		return errors.New("the other replica is not asked yet")
	}))
	createPod(t, i.pods, pod)
	last := askingPod("last")
	set.Name, set.UID = "last", "8f2b8a36-3df5-4c5c-8c6b-6f0c9f1f4a02"
	last.OwnerReferences = []metav1.OwnerReference{set}
	createPod(t, i.pods, last)
	i.waitEvents(t, "ReplicaSet last", "Normal Injected: ")
	if got := i.reasons(t, "by-hand"); !slices.Equal(got, []string{"BadParameter 2", "Injected 1"}) {
		t.Errorf("events on the ReplicaSet, after another replica answered: %v", got)
	}
}

// decided returns the number of pods that a replica has injected.
func (r *replica) decided(t *testing.T) int {
	t.Helper()
	return (&injector{metrics: r.metrics}).decisions(t)["injected Annotation"]
}

// redirect sends pods to another replica.
func (i *installation) redirect(t *testing.T, url string) {
	t.Helper()
	client := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := client.Get(t.Context(), i.name, metav1.GetOptions{})
	must(t, err)
	for n := range configuration.Webhooks {
		configuration.Webhooks[n].ClientConfig.URL = new(url + "/mutate")
	}
	_, err = client.Update(t.Context(), configuration, metav1.UpdateOptions{})
	must(t, err)
}

// events returns the injector's events in the installation's namespace for pods.
func (i *installation) events(ctx context.Context, t *testing.T) []corev1.Event {
	t.Helper()
	list, err := suite.client.CoreV1().Events(i.pods).List(ctx, metav1.ListOptions{})
	must(t, err)
	return slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.Source.Component != "sidecar-injector" })
}

// reasons returns the reasons of the events on an object, each with its count, sorted.
func (i *installation) reasons(t *testing.T, name string) []string {
	t.Helper()
	var reasons []string
	for _, e := range i.events(t.Context(), t) {
		if e.InvolvedObject.Name == name {
			reasons = append(reasons, fmt.Sprintf("%s %d", e.Reason, e.Count))
		}
	}
	slices.Sort(reasons)
	return reasons
}

// waitEvents waits for an event on an object whose message begins with the text.
func (i *installation) waitEvents(t *testing.T, object, begins string) {
	t.Helper()
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		var told []string
		for _, e := range i.events(ctx, t) {
			on, text := e.InvolvedObject.Kind+" "+e.InvolvedObject.Name, fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Message)
			if strings.HasPrefix(on, object) && strings.HasPrefix(text, begins) {
				return nil
			}
			told = append(told, on+": "+text)
		}
		return fmt.Errorf("%s: no event %q; there are:\n%s", object, begins, strings.Join(told, "\n"))
	})
	must(t, err)
}
