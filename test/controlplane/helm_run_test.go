//go:build controlplane

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHelmTestTriesAPod runs what helm test runs in the cluster, with the rights that it has
// there, which must be enough for the pod by dry run.
func TestHelmTestTriesAPod(t *testing.T) {
	forgetOthers(t)
	installChart(t)
	waitReady(t, startReplica(t))
	enabledNamespace(t)
	text := rendered(t, releaseName, "--namespace", releaseName, "--show-only", "templates/tests/check.yaml")
	var objects []string
	for _, document := range strings.Split(text, "\n---\n") {
		if !strings.Contains(document, "\nkind: Pod\n") {
			objects = append(objects, document)
		}
	}
	file := filepath.Join(t.TempDir(), "check.yaml")
	must(t, os.WriteFile(file, []byte(strings.Join(objects, "\n---\n")), 0o600))
	kubectl(t, "apply", "-f", file)
	t.Cleanup(func() { kubectl(t, "delete", "-f", file) })
	out, err := command(t, suite.injector, "check", "--wait=1m", "--kubeconfig", accountKubeconfig(t, releaseName+"-test"))
	if err != nil || !strings.Contains(out, "came back with its sidecar") {
		t.Errorf("no pod was tried: %v\n%s", err, out)
	}
	if strings.Contains(out, "not seen") {
		t.Errorf("check lacks rights:\n%s", out)
	}
}
