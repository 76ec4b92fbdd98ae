//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"maps"
	"testing"
)

// pods are the counts of the inventory metric, by state; those that are nought are left out.
func (r *replica) pods(ctx context.Context, t *testing.T) map[string]int {
	t.Helper()
	text, err := get(ctx, r.metrics)
	must(t, err)
	found := map[string]int{}
	for _, m := range families(t, text)["sidecar_injector_pods"].GetMetric() {
		if n := int(m.GetGauge().GetValue()); n > 0 {
			found[m.GetLabel()[0].GetValue()] = n
		}
	}
	return found
}

// waitCounts waits until the inventory is as wanted.
func (r *replica) waitCounts(t *testing.T, want map[string]int) {
	t.Helper()
	must(t, eventually(t.Context(), 2*patience, func(ctx context.Context) error {
		if got := r.pods(ctx, t); !maps.Equal(got, want) {
			return fmt.Errorf("pods by state: %v, want %v", got, want)
		}
		return nil
	}))
}

// TestAKeeperCountsThePodsOfTheCluster: the replica that holds the lease says how many pods are in which state, and
// no other one does.
func TestAKeeperCountsThePodsOfTheCluster(t *testing.T) {
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
