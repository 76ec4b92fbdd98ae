package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/test/pty"
)

const progressDeployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar-injector.dev/inject: log-collector, log-collector.sidecar-injector.dev/logDir: /var/log/web}
    spec:
      containers:
      - {name: web, image: "registry.example.com/web:1", securityContext: {runAsUser: 10001}}
`

// slowFolder creates a folder with a file that can be read at once, and one that takes some time.
func slowFolder(t *testing.T, text []byte, takes time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a.yaml"), text, 0o600))
	slow := filepath.Join(dir, "b.yaml")
	must(t, unix.Mkfifo(slow, 0o600))
	written := make(chan error, 1)
	go func() {
		pipe, err := os.OpenFile(slow, os.O_WRONLY, 0) // returns when the program has begun to read
		if err == nil {
			time.Sleep(takes)
			_, err = pipe.Write(bytes.ReplaceAll(text, []byte("config-sync"), []byte("another-sync")))
			pipe.Close()
		}
		written <- err
	}()
	t.Cleanup(func() {
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
	return dir
}

// onTerminal runs a command whose standard error is a terminal.
func onTerminal(t *testing.T, args ...string) (code int, seen, answer string) {
	t.Helper()
	program, see := pty.Open(t)
	var out bytes.Buffer
	code = run(append([]string{"sidecar-injector"}, args...), streams{In: &bytes.Buffer{}, Out: &out, ErrOut: program})
	return code, see(), out.String()
}

func TestLongWorkIsShownOnATerminalAndTakenAway(t *testing.T) {
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	template, err := builtin.FS.ReadFile("config-sync.yaml")
	must(t, err)
	const long = 1500 * time.Millisecond
	for _, c := range []struct {
		name       string
		args       []string
		code       int
		want, last string
	}{
		{"inject", []string{"inject", "-f", slowFolder(t, []byte(progressDeployment), long)}, 0, "reading files: 1 of 2", `Deployment "web"`},
		{"validate", []string{"validate", "-f", slowFolder(t, template, long)}, 0, "reading files: 1 of 2", "2 templates checked"},
		{"status", []string{"status", "-A", "--kubeconfig", silentCluster(t), "--request-timeout", "1500ms"}, exitNoAnswer, "asking the cluster", "error: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, seen, answer := onTerminal(t, append(c.args, "--color", "never")...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(seen, c.want) {
				t.Errorf("%q is not shown: %q", c.want, seen)
			}
			parts := strings.Split(seen, "\r\x1b[K")
			if report := parts[len(parts)-1]; len(parts) < 2 || !strings.HasPrefix(report, c.last) || strings.Contains(report, c.want) {
				t.Errorf("the line is not taken away before the report: %q", seen)
			}
			if strings.Contains(answer, c.want) {
				t.Errorf("the answer holds the progress: %q", answer)
			}
		})
	}
}

func TestNothingIsShownOfShortWorkOrWhereNobodyWatches(t *testing.T) {
	t.Setenv("TERM", "xterm")
	const long = 1300 * time.Millisecond
	for name, shown := range map[string]func(t *testing.T) string{
		"short work": func(t *testing.T) string {
			t.Setenv("CI", "")
			_, seen, _ := onTerminal(t, "inject", "--color", "never", "-f", slowFolder(t, []byte(progressDeployment), time.Millisecond))
			return seen
		},
		"CI": func(t *testing.T) string {
			t.Setenv("CI", "true")
			_, seen, _ := onTerminal(t, "inject", "-f", slowFolder(t, []byte(progressDeployment), long))
			return seen
		},
		"a pipe": func(t *testing.T) string {
			t.Setenv("CI", "")
			var report bytes.Buffer
			run([]string{"sidecar-injector", "inject", "-f", slowFolder(t, []byte(progressDeployment), long)}, streams{In: &bytes.Buffer{}, Out: io.Discard, ErrOut: &report})
			return report.String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			if text := shown(t); strings.ContainsAny(text, "\x1b") || strings.Contains(text, "reading") || !strings.Contains(text, "injected log-collector") {
				t.Errorf("%q is shown", text)
			}
		})
	}
}
