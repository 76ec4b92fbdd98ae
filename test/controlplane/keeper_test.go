//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pods returns the counts of the inventory metric, by state, without zeros and without the pods of other
// tests that have opted out.
func (r *replica) pods(ctx context.Context, t *testing.T) map[string]int {
	t.Helper()
	text, err := get(ctx, r.metrics)
	must(t, err)
	found := map[string]int{}
	for _, m := range families(t, text)["sidecar_injector_pods"].GetMetric() {
		if n, state := int(m.GetGauge().GetValue()), m.GetLabel()[0].GetValue(); n > 0 && state != "opted-out" {
			found[state] = n
		}
	}
	return found
}

// waitCounts waits until the inventory is as wanted.
func (r *replica) waitCounts(t *testing.T, want map[string]int) {
	t.Helper()
	must(t, eventually(t.Context(), keeperPatience, func(ctx context.Context) error {
		if got := r.pods(ctx, t); !maps.Equal(got, want) {
			return fmt.Errorf("pods by state: %v, want %v", got, want)
		}
		return nil
	}))
}

// TestAKeeperCountsThePodsOfTheCluster: only the replica that holds the lease exposes how many pods are in
// which state.
func TestAKeeperCountsThePodsOfTheCluster(t *testing.T) {
	forgetWorkloads(t)
	p := newPatient(t)
	n := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
	late := newNamespace(t, nil, nil)
	createTemplate(t, "sidecartemplates", n, mine)
	retemplate(t, n)
	kubelet(t, n)
	kubelet(t, late)
	deploy(t, n, "web", "mine")
	deploy(t, late, "web", "log-collector")
	healthy(t, n, 2)
	budget(t, n, "web", 2)
	healthy(t, late, 2)
	kubectl(t, "label", "namespace", late, injectionLabel+"=enabled")
	retemplate(t, n, `"one"`, `"two"`)
	if text, err := get(t.Context(), p.replica.metrics); err != nil || families(t, text)["sidecar_injector_pods"] != nil {
		t.Errorf("pods are counted where nobody wants it: %v", err)
	}
	must(t, p.replica.stop())

	must(t, upgradeChart(t, "--set", "webhook.timeoutSeconds=2,keeper.enabled=true"))
	first := startReplica(t)
	waitReady(t, first)
	first.waitCounts(t, map[string]int{"missed": 2, "blocked": 2})
	second := startPod(t, "second")
	waitReady(t, second)
	if got := second.pods(t.Context(), t); len(got) > 0 {
		t.Errorf("a replica without the lease counts, too: %v", got)
	}
	must(t, first.stop())
	second.waitCounts(t, map[string]int{"missed": 2, "blocked": 2})
}

// value returns the value of a replica's metric with the labels; 0 if there is none, or the replica does not
// answer.
func (r *replica) value(ctx context.Context, t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	text, err := get(ctx, r.metrics)
	if err != nil {
		return 0
	}
	m := of(families(t, text)[name], labels...)
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// waitValue waits until a metric is at least want.
func (r *replica) waitValue(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	must(t, eventually(t.Context(), keeperPatience, func(ctx context.Context) error {
		if got := r.value(ctx, t, name, labels...); got < want {
			return fmt.Errorf("%s of %v: %v, want %v", name, labels, got, want)
		}
		return nil
	}))
}

// keeperPatience is longer than the pause between two rounds.
const keeperPatience = 2 * time.Minute

// next makes another replica take the lease; it begins a round at once.
func (r *replica) next(t *testing.T) *replica {
	t.Helper()
	must(t, r.stop())
	client := suite.client.DiscoveryV1().EndpointSlices(releaseName)
	list, err := client.List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + releaseName})
	must(t, err)
	for _, slice := range list.Items {
		slice.Endpoints[0].Conditions.Ready = new(bool)
		_, err := client.Update(t.Context(), &slice, metav1.UpdateOptions{})
		must(t, err)
	}
	another := startReplica(t)
	waitReady(t, another)
	return another
}

// images returns the images of the sidecars of a namespace's pods, each with the number of pods.
func images(t *testing.T, namespace string) map[string]int {
	t.Helper()
	pods, err := suite.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	found := map[string]int{}
	for _, p := range pods.Items {
		switch {
		case p.DeletionTimestamp != nil:
		case len(p.Spec.InitContainers) == 0:
			found["none"]++
		default:
			found[p.Spec.InitContainers[0].Image]++
		}
	}
	return found
}

// TestAKeeperRepairsAndRollsOutAndPausesAtTrouble: a keeper replaces pods that lack sidecars and updates
// those that are outdated. A bad image affects one pod; the rollout then stays paused, also after a change of
// the leader, until a user resumes it.
func TestAKeeperRepairsAndRollsOutAndPausesAtTrouble(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	forgetWorkloads(t)
	p := newPatient(t, "--set", "keeper.enabled=true,keeper.repair=true,keeper.rollout=true")
	r := p.replica
	n := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
	late := newNamespace(t, nil, nil)
	createTemplate(t, "sidecartemplates", n, mine)
	retemplate(t, n)
	kubelet(t, n)
	kubelet(t, late)
	deploy(t, n, "web", "mine")
	deploy(t, late, "web", "log-collector")
	before := healthy(t, n, 2)
	healthy(t, late, 2)
	kubectl(t, "label", "namespace", late, injectionLabel+"=enabled")
	retemplate(t, n, "mine:1", "mine:2", `"cpu":"1m"`, `"cpu":"2m"`)

	r = r.next(t)
	r.waitValue(t, 2, "sidecar_injector_keeper_pods_total", "work", "rollout")
	r.waitValue(t, 2, "sidecar_injector_keeper_pods_total", "work", "repair")
	for _, pod := range healthy(t, n, 2) {
		if !uids(before)[pod.UID] || pod.Status.InitContainerStatuses[0].RestartCount != 1 || pod.Status.ContainerStatuses[0].RestartCount != 0 {
			t.Errorf("pod %s was not changed in place", pod.Name)
		}
	}
	if got := images(t, n); got["mine:2"] != 2 {
		t.Errorf("images: %v", got)
	}
	healthy(t, late, 2)
	if got := images(t, late); got["none"] > 0 {
		t.Errorf("pods that were missed are not repaired: %v", got)
	}

	retemplate(t, n, "mine:1", "mine:bad", `"cpu":"1m"`, `"cpu":"2m"`)
	deployment, err := suite.client.AppsV1().Deployments(n).Get(t.Context(), "web", metav1.GetOptions{})
	must(t, err)
	for range 2 { // the second leader respects the pause that the first one caused
		r = r.next(t)
		r.waitValue(t, 1, "sidecar_injector_keeper_paused", "work", "rollout")
		r.waitValue(t, 1, "sidecar_injector_keeper_rounds_total", "work", "rollout", "result", "paused")
		r.waitValue(t, 1, "sidecar_injector_keeper_rounds_total", "work", "repair", "result", "done")
		if got := images(t, n); got["mine:bad"] != 1 || got["mine:2"] != 1 {
			t.Errorf("images: %v, want one bad and one left", got)
		}
	}
	compareMetrics(t, r)
	events, err := suite.client.CoreV1().Events(n).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=RolloutPaused"})
	must(t, err)
	if len(events.Items) != 1 || events.Items[0].InvolvedObject.UID != deployment.UID || events.Items[0].Type != corev1.EventTypeWarning ||
		!regexp.MustCompile(`container mine: ErrImagePull: not found; to go on: kubectl annotate lease `+releaseName+` `).MatchString(events.Items[0].Message) {
		t.Errorf("events: %+v", events.Items)
	}

	retemplate(t, n, "mine:1", "mine:3", `"cpu":"1m"`, `"cpu":"2m"`)
	kubectl(t, "annotate", "lease", releaseName, "-n", releaseName, "sidecar-injector.dev/rollout-paused-")
	r = r.next(t)
	r.waitValue(t, 2, "sidecar_injector_keeper_pods_total", "work", "rollout")
	r.waitCounts(t, map[string]int{"current": 4})
	if got := images(t, n); got["mine:3"] != 2 || r.value(t.Context(), t, "sidecar_injector_keeper_paused", "work", "rollout") != 0 {
		t.Errorf("images after going on: %v", got)
	}
}

// compareMetrics checks that the keeper's metrics as recorded for the tests of the alerts are those that it
// exposes.
func compareMetrics(t *testing.T, r *replica) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(repository, "test/monitoring/testdata/keeper.txt"))
	must(t, err)
	text, err := get(t.Context(), r.metrics)
	must(t, err)
	exposed := families(t, text)
	for name, expected := range families(t, file) {
		if exposed[name] == nil || exposed[name].GetType() != expected.GetType() || labelNames(expected.GetMetric()[0]) != labelNames(exposed[name].GetMetric()[0]) {
			t.Errorf("%s: exposed as %v", name, exposed[name])
		}
	}
}

// forgetWorkloads removes the workloads of other tests, which a keeper would change.
func forgetWorkloads(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers"} {
		client := suite.client.AppsV1().RESTClient()
		if kind == "replicationcontrollers" {
			client = suite.client.CoreV1().RESTClient()
		}
		text, err := client.Get().Resource(kind).SetHeader("Accept", "application/json").Do(t.Context()).Raw()
		must(t, err)
		var list metav1.PartialObjectMetadataList
		must(t, json.Unmarshal(text, &list))
		for _, o := range list.Items {
			err := client.Delete().Namespace(o.Namespace).Resource(kind).Name(o.Name).Do(t.Context()).Error()
			if err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
		}
	}
	forgetOthers(t)
}
