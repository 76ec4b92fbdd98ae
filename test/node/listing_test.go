package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheListing reproduces the listing of the README: six pods from manifests without sidecars, in a
// namespace with the opt-in label.
func TestTheListing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	installOperatorKinds(p)
	begun := time.Now()
	p.apply("listing")
	want := readListing(t)
	p.until("the listing", func(context.Context) error {
		got := listing(p.kubectl("get", "pods"))
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("-want +got\n%s", diff)
		}
		return nil
	})
	report("the listing, %.1f s after kubectl apply and %.0f s after the run began:\n%s", time.Since(begun).Seconds(), time.Since(suite.begun).Seconds(), p.kubectl("get", "pods"))
	p.quiet()

	grafana := p.ready("app.kubernetes.io/name=grafana").Name
	explained := p.inject("explain", "pod/"+grafana)
	for _, part := range []string{"READY 3/3: 1 container of the app and 2 sidecars", "grafana-sc-dashboard", "grafana-sc-datasources"} {
		if !strings.Contains(explained, part) {
			t.Errorf("want %q in\n%s", part, explained)
		}
	}
	// Grafana reads data sources at its start and by the reload URL, which has not been called yet.
	for path, want := range map[string]string{"/api/datasources": `"Prometheus"`, "/api/search?type=dash-db": `"Overview"`} {
		if got := p.grafana(grafana, path); !strings.Contains(got, want) {
			t.Errorf("%s: want %s in %s", path, want, got)
		}
	}
}

// grafana calls Grafana's API as its administrator, from a container of the pod that has wget.
func (p *place) grafana(pod, path string) string {
	p.Helper()
	return p.in(pod, "grafana", "wget", "-q", "-O-", "http://admin:prom-operator@127.0.0.1:3000"+path)
}

// readListing returns the listing in the README.
func readListing(t *testing.T) map[string]string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	must(t, err)
	_, text, found := strings.Cut(string(readme), "on the node of `make test-node`:\n\n")
	block, _, end := strings.Cut(text, "\n\n")
	if shown := listing(block); found && end && len(shown) == 6 {
		return shown
	}
	t.Fatal("the README has no listing of six pods")
	return nil
}

// listing parses the output of kubectl get pods: READY and STATUS by the name of the workload, which is the
// prefix of a pod's name.
func listing(text string) map[string]string {
	pods := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] == "NAME" {
			continue
		}
		pods[madeUp.ReplaceAllString(fields[0], "")] = fields[1] + " " + fields[2]
	}
	return pods
}

// madeUp matches the generated suffix of the names of pods of ReplicaSets and DaemonSets.
var madeUp = regexp.MustCompile(`(-[0-9a-f]{8,10})?-[a-z0-9]{5}$`)

// installOperatorKinds installs the kinds and rights of the real prometheus-operator, as its chart does;
// without them it exits.
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
