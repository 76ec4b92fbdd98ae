package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheListing is the listing that the project began with: six pods from manifests without
// sidecars, in a namespace with the label.
func TestTheListing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	installOperatorKinds(p)
	begun := time.Now()
	p.apply("listing")
	want := map[string]string{
		"alertmanager-prometheus-kube-prometheus-alertmanager-0": "2/2",
		"prometheus-grafana":                                 "3/3",
		"prometheus-kube-prometheus-operator":                "1/1",
		"prometheus-kube-state-metrics":                      "1/1",
		"prometheus-prometheus-kube-prometheus-prometheus-0": "2/2",
		"prometheus-prometheus-node-exporter":                "1/1",
	}
	p.until("the listing", func(context.Context) error {
		got := map[string]string{}
		for line := range strings.Lines(p.kubectl("get", "pods", "--no-headers")) {
			fields := strings.Fields(line)
			name := fields[0]
			for known := range want {
				if strings.HasPrefix(name, known) {
					name = known
				}
			}
			got[name] = fields[1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("-want +got\n%s", diff)
		}
		return nil
	})
	report("the listing, %.1f s after kubectl apply:\n%s", time.Since(begun).Seconds(), p.kubectl("get", "pods"))
	p.quiet()

	grafana := p.ready("app.kubernetes.io/name=grafana").Name
	explained := p.inject("explain", "pod/"+grafana)
	for _, part := range []string{"READY 3/3: 1 container of the app and 2 sidecars", "grafana-sc-dashboard", "grafana-sc-datasources"} {
		if !strings.Contains(explained, part) {
			t.Errorf("want %q in\n%s", part, explained)
		}
	}
	// Grafana reads data sources when it starts, and when it is told to; nobody has told it yet.
	for path, want := range map[string]string{"/api/datasources": `"Prometheus"`, "/api/search?type=dash-db": `"Overview"`} {
		if got := p.grafana(grafana, path); !strings.Contains(got, want) {
			t.Errorf("%s: want %s in %s", path, want, got)
		}
	}
}

// grafana asks Grafana's API as its administrator, from a container of the pod that has wget.
func (p *place) grafana(pod, path string) string {
	p.Helper()
	return p.in(pod, "grafana", "wget", "-q", "-O-", "http://admin:prom-operator@127.0.0.1:3000"+path)
}

// installOperatorKinds gives the real prometheus-operator the kinds and rights that its chart
// gives it; without them it ends.
func installOperatorKinds(p *place) {
	p.Helper()
	const module = "github.com/prometheus-operator/prometheus-operator"
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = "programs/prometheus-operator"
	folder, err := capture(list)
	p.must(err)
	p.kubectl("apply", "--server-side", "-f", filepath.Join(strings.TrimSpace(folder), "example/prometheus-operator-crd"))
	p.kubectl("create", "clusterrolebinding", p.namespace, "--clusterrole=cluster-admin", "--serviceaccount="+p.namespace+":prometheus-kube-prometheus-operator")
	p.Cleanup(func() {
		_, err := capture(suite.kubectl(context.Background(), "delete", "clusterrolebinding", p.namespace))
		if err != nil {
			p.Error(err)
		}
	})
}
