package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// A recorded case passes when it is recorded, and again without the cluster.
func TestRecordMakesACaseOfAClustersObject(t *testing.T) {
	kubeconfig, dir := smallCluster(t, nil, nil), t.TempDir()
	command := func(args ...string) (int, string) {
		var out, report bytes.Buffer
		args = append([]string{"sidecar-injector", "templates", "test", dir}, args...)
		code := run(args, streams{In: &bytes.Buffer{}, Out: &out, ErrOut: &report})
		return code, out.String() + report.String()
	}
	if code, text := command("--kubeconfig", kubeconfig, "--record", "rc/web"); code != 0 || !strings.Contains(text, "ok   replicationcontroller-web") {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	want, err := os.ReadFile(filepath.Join(dir, "replicationcontroller-web", "want.yaml"))
	if err != nil || !strings.Contains(string(want), "app-sc-log-collector") || strings.Contains(string(want), inject.StatusAnnotation) {
		t.Errorf("want.yaml: %v\n%s", err, want)
	}
	if code, text := command(); code != 0 {
		t.Errorf("without the cluster: exit code %d\n%s", code, text)
	}
	for _, args := range [][]string{{"--kubeconfig", kubeconfig, "--record", "rc/web"}, {"--record", "web"}, {"--kubeconfig", "/nosuch", "--record", "rc/other"}} {
		if code, text := command(args...); code != 2 {
			t.Errorf("%q: exit code %d, want 2\n%s", args, code, text)
		}
	}
}
