//go:build controlplane

package controlplane

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsRecordedOfAClusterHolds records what kubectl has applied, as the API server returns it. The case holds
// at once and without the cluster, and no secret value is in it.
func TestWhatIsRecordedOfAClusterHolds(t *testing.T) {
	const metadata = `metadata:
  labels: {app: web}
  annotations:
    sidecar-injector.dev/inject: token=log-collector
    token.sidecar-injector.dev/logDir: /var/log/web
    token.sidecar-injector.dev/override: "env: [{name: API_TOKEN, value: hunter}]"
    example.com/token: hunter
`
	const spec = `spec:
  restartPolicy: %
  containers:
  - name: web
    image: registry.example.com/web:1.0.0
    args: [--token, hunter, --level=debug, "--dsn=me:hunter@tcp(db:3306)/shop"]
    env:
    - {name: DB_PASSWORD, value: hunter}
    - {name: DB_URL, value: "postgres://me:hunter@db/shop"}
    livenessProbe: {httpGet: {path: "/live?token=hunter", port: 80}}
    volumeMounts: [{name: data, mountPath: /data}]
`
	const volumes = "  volumes: [{name: data, emptyDir: {}}]\n"
	within := func(text string, depth int) string {
		blanks := strings.Repeat("  ", depth)
		return blanks + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+blanks) + "\n"
	}
	always, never := strings.Replace(spec, "%", "Always", 1), strings.Replace(spec, "%", "OnFailure", 1)
	manifest := "apiVersion: v1\nkind: Pod\n" + strings.Replace(metadata, "metadata:\n", "metadata:\n  name: alone\n", 1) + always + volumes +
		"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n" + within(metadata+always+volumes, 2) +
		"---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec:\n  serviceName: web\n  selector: {matchLabels: {app: web}}\n  template:\n" + within(metadata+always, 2) +
		"  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n" +
		"---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\nspec:\n  schedule: 0 3 * * *\n  jobTemplate:\n    spec:\n      template:\n" + within(metadata+never+volumes, 4)
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	n := enabledNamespace(t) // no injector is called for it: the pod is recorded as it was written
	kubectl(t, "apply", "-n", n, "-f", file)
	dir := t.TempDir()
	for _, object := range []string{"pod/alone", "deploy/web", "statefulset/web", "cronjob/web"} {
		if out, err := command(t, suite.injector, "templates", "test", dir, "-n", n, "--record", object); err != nil || !strings.HasPrefix(out, "ok ") {
			t.Errorf("%s: %v\n%s", object, err, out)
		}
	}
	out, err := command(t, suite.injector, "templates", "test", dir, "--kubeconfig", "/nosuch")
	if err != nil || strings.Count(out, "ok ") != 4 {
		t.Errorf("without the cluster: %v\n%s", err, out)
	}
	injected := 0
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "hunter") {
			t.Errorf("%s has a secret:\n%s", path, text)
		}
		if entry.Name() == "want.yaml" && strings.Contains(string(text), "name: web-sc-token") {
			injected++
		}
		return err
	}))
	if injected != 4 {
		t.Errorf("%d of 4 cases want the sidecar", injected)
	}
}
