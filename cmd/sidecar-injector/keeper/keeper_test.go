package keeper

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
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
