package keeper

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// series returns the series of a registry, each with its labels, sorted.
func series(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range all {
		for _, m := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "sidecar_injector_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestOnlyWhoeverKeepsHasTheSeriesOfPods: if two replicas had them, every pod would be counted twice.
func TestOnlyWhoeverKeepsHasTheSeriesOfPods(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	if got := series(t, registry); len(got) > 0 {
		t.Errorf("before it keeps: %v", got)
	}
	m.counted(map[fleet.State]int{fleet.Missed: 2}, time.Now())
	m.setPaused(Rollout, true)
	want := []string{"keeper_paused rollout", "pods blocked", "pods current", "pods failing", "pods in-place", "pods missed", "pods opted-out", "pods restart", "pods unknown", "pods_counted_timestamp_seconds"}
	if diff := cmp.Diff(want, series(t, registry)); diff != "" {
		t.Error(diff)
	}
	m.forget()
	if got := series(t, registry); len(got) > 0 {
		t.Errorf("when another one keeps: %v", got)
	}
}

type library struct{ set *templates.Set }

func (l library) Current() *templates.Set { return l.set }
func (l library) Ready() bool             { return true }

// TestANamespaceThatChangesMeanwhileIsPlannedAnew: one that opts out, for example, gets new pods without
// sidecars, which is no trouble. An outage is no change.
func TestANamespaceThatChangesMeanwhileIsPlannedAnew(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`
	for answer, want := range map[string]error{
		`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"shop","labels":{"sidecar-injector.dev/injection":"enabled"}}}`:  nil,
		`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"shop","labels":{"sidecar-injector.dev/injection":"disabled"}}}`: errNewTemplates,
		fmt.Sprintf(status, "NotFound", 404):      nil,
		fmt.Sprintf(status, "InternalError", 500): nil,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for _, code := range []int{404, 500} {
				if strings.Contains(answer, fmt.Sprint(code)) {
					w.WriteHeader(code)
				}
			}
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(server.Close)
		reader, err := live.NewReader(&rest.Config{Host: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		set := templates.NewSet(nil)
		k := &Keeper{Options: Options{Templates: library{set}}, worker: &look{Reader: reader}}
		s := &surveyed{today: &fleet.Today{Set: set, Settings: &inject.Settings{}}, known: map[string]inject.Namespace{
			"shop": {Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}},
		}}
		judge := k.runner(t.Context(), Rollout, s, logr.Discard()).Judge
		for _, namespace := range []string{"shop", "other"} {
			if namespace == "other" {
				want = nil // it was not there, and is not asked about
			}
			if _, err := judge(namespace, []byte(`{"metadata":{},"spec":{"containers":[{"name":"app","image":"app"}]}}`)); !errors.Is(err, want) {
				t.Errorf("%s, %s: got %v, want %v", namespace, answer, err, want)
			}
		}
	}
}

func TestWorkIsOneOfThree(t *testing.T) {
	for _, text := range []string{"inventory", "repair", "rollout"} {
		if w, err := ParseWork(text); err != nil || string(w) != text {
			t.Errorf("%s: %q, %v", text, w, err)
		}
	}
	for _, text := range []string{"", "Repair", "rollouts", "repair "} {
		if _, err := ParseWork(text); err == nil || !strings.Contains(err.Error(), "want inventory, repair or rollout") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
