package builtin_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// probeScript returns the shell script of a probe of a template's last container.
func probeScript(t *testing.T, file, probe string) string {
	t.Helper()
	data, err := builtin.FS.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Spec struct {
			Pod struct {
				Spec struct{ InitContainers []map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	containers := template.Spec.Pod.Spec.InitContainers
	held, err := yaml.Marshal(containers[len(containers)-1][probe].(map[string]any)["exec"])
	if err != nil {
		t.Fatal(err)
	}
	var action corev1.ExecAction
	if err := yaml.Unmarshal(held, &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Command) != 3 || action.Command[0] != "sh" || strings.Contains(action.Command[2], "${") {
		t.Fatalf("%s: %s is no shell text: %q", file, probe, action.Command)
	}
	return action.Command[2]
}

// If a failing probe prints nothing, kubectl describe shows only "Readiness probe failed:".
func TestProbesOfDataSyncSayWhyTheyFail(t *testing.T) {
	ago := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(-d).Unix()) }
	for _, c := range []struct {
		name, probe  string
		success, run string
		want         string
	}{
		{"fresh", "readinessProbe", ago(20 * time.Second), "", ""},
		{"too old", "readinessProbe", ago(100 * time.Second), "", "the last success is 10"},
		{"none yet", "startupProbe", "", "", "no run has succeeded yet"},
		{"there", "startupProbe", ago(0), "", ""},
		{"alive", "livenessProbe", "", ago(20 * time.Second), ""},
		{"hangs", "livenessProbe", "", ago(500 * time.Second), "no run has ended for 50"},
	} {
		t.Run(c.probe+" "+c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"success": c.success, "run": c.run} {
				if text != "" {
					write(t, filepath.Join(dir, name), text)
				}
			}
			script := strings.ReplaceAll(probeScript(t, "data-sync.yaml", c.probe), "/state/", dir+"/")
			wantProbe(t, script, c.want, "MAX_AGE_SECONDS=60", "INTERVAL_SECONDS=30", "TIMEOUT_SECONDS=60")
		})
	}
}

// The exporter's answer was recorded from version 0.28.0.
func TestProbeOfHealthCheckGivesTheExportersFirstComplaint(t *testing.T) {
	const complaint = `time=2026-11-29T10:45:30.354Z level=ERROR source=http.go:599 msg="Invalid HTTP response status code" status_code=405` + "\n" +
		`time=2026-11-29T10:45:30.354Z level=ERROR source=handler.go:130 msg="Probe failed" module=app` + "\n"
	for name, c := range map[string]struct{ wget, want string }{
		"well":      {"cat <<'END'\nLogs for the probe:\n\n\nMetrics that would have been returned:\nprobe_success 1\nEND\n", ""},
		"not well":  {"cat <<'END'\nLogs for the probe:\n" + complaint + "\nprobe_success 0\nEND\n", `"Invalid HTTP response status code" status_code=405`},
		"no answer": {"exit 1\n", "the exporter does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "wget"), "#!/bin/sh\ncase \"$*\" in *'module=app&target=x&debug=true') ;; *) exit 9;; esac\n"+c.wget)
			wantProbe(t, probeScript(t, "health-check.yaml", "readinessProbe"), c.want,
				"PATH="+dir+":"+os.Getenv("PATH"), "PROBE_URL=http://127.0.0.1:8132/probe?module=app&target=x")
		})
	}
}

// wantProbe runs the script of a probe, which must succeed without output, or fail with the wanted output.
func wantProbe(t *testing.T, script, want string, env ...string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	if (err == nil) != (want == "") || !strings.HasPrefix(string(out), want) || want == "" && len(out) > 0 {
		t.Errorf("it says %q, %v; want %q", out, err, want)
	}
}
