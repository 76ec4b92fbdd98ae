package builtin_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// fakeRclone logs its calls with their arguments; it keeps running while the file hold exists, and fails if
// the file fail exists.
const fakeRclone = `#!/bin/sh
echo "start $*" >>"$TEST/log"
while [ -e "$TEST/hold" ]; do sleep 0.01; done
if [ -e "$TEST/fail" ]; then echo failed >>"$TEST/log"; exit 5; fi
echo end >>"$TEST/log"
`

// loop is a running script of data-sync, in a folder of its own.
type loop struct {
	*testing.T
	dir string
	cmd *exec.Cmd
	// complaints is the script's own output.
	complaints *bytes.Buffer
}

// startLoop runs the script as the container would, with its state in the folder and the fake rclone.
func startLoop(t *testing.T, direction string, files ...string) *loop {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		write(t, filepath.Join(dir, name), "")
	}
	write(t, filepath.Join(dir, "rclone"), fakeRclone)
	script := strings.ReplaceAll(dataSyncScript(t), "/state/", dir+"/")
	cmd := exec.Command("sh", "-c", script, "data-sync", "copy", "--filter=- a b", "--", "/data", "remote:bucket")
	cmd.WaitDelay = 5 * time.Second // the script's child processes may outlive it here, because there is no container to end them
	wait := 0
	if slices.Contains(files, regular) {
		wait = 2
	}
	complaints := &bytes.Buffer{}
	cmd.Stderr = complaints
	cmd.Env = []string{
		"TEST=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH"), "DIRECTION=" + direction,
		"INTERVAL_SECONDS=1000", "TIMEOUT_SECONDS=1000", fmt.Sprintf("END_WAIT_SECONDS=%d", wait),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the whole process group can be killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	return &loop{t, dir, cmd, complaints}
}

// regular is the argument for a regular container, whose script waits two seconds for the app.
const regular = "regular"

const (
	start = "start copy --filter=- a b -- /data remote:bucket"
	end   = "end"
)

func TestPushRunsOnceMoreWhenThePodEnds(t *testing.T) {
	l := startLoop(t, "push")
	l.waitFor(end)
	l.stop(0)
	l.wantLog(start, end, start, end)
}

func TestPushUnderWayEndsBeforeTheLastRun(t *testing.T) {
	l := startLoop(t, "push", "hold")
	l.waitFor(start)
	l.signal()
	remove(t, filepath.Join(l.dir, "hold"))
	l.wantExit(0)
	l.wantLog(start, end, start, end)
}

func TestFailedLastPushShowsInTheExitCode(t *testing.T) {
	l := startLoop(t, "push", "fail")
	l.waitFor("failed")
	l.stop(5)
	l.wantLog(start, "failed", start, "failed")
	lines := strings.Split(strings.TrimSpace(l.complaints.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "the last run failed (exit code 5 of rclone)") {
		t.Errorf("the last line, which becomes the termination message, is %q", last)
	}
}

// The container gets SIGTERM at the same time as the app, which may write for a while longer.
func TestPushOfARegularContainerWaitsForTheAppBeforeTheLastRun(t *testing.T) {
	l := startLoop(t, "push", regular)
	l.waitFor(end)
	l.signal()
	time.Sleep(700 * time.Millisecond)
	l.wantLog(start, end)
	l.wantExit(0)
	l.wantLog(start, end, start, end)
}

func TestPullOfARegularContainerWaitsForNobody(t *testing.T) {
	l := startLoop(t, "pull", regular)
	l.waitFor(end)
	asked := time.Now()
	l.stop(0)
	if took := time.Since(asked); took > time.Second {
		t.Errorf("it took %v to end", took)
	}
}

func TestPullEndsAtOnceWhenThePodEnds(t *testing.T) {
	l := startLoop(t, "pull")
	l.waitFor(end)
	l.stop(0)
	l.wantLog(start, end)
}

func TestPullUnderWayIsStoppedWhenThePodEnds(t *testing.T) {
	l := startLoop(t, "pull", "hold")
	l.waitFor(start)
	l.stop(0)
	l.wantLog(start)
}

func TestPullThatSucceedsIsWrittenDown(t *testing.T) {
	l := startLoop(t, "pull")
	l.waitUntil("a success is written down", func() bool { return exists(filepath.Join(l.dir, "success")) })
	l.stop(0)
}

func TestPullThatFailsIsNoSuccess(t *testing.T) {
	l := startLoop(t, "pull", "fail")
	l.waitFor("failed")
	l.stop(0)
	if exists(filepath.Join(l.dir, "success")) {
		t.Error("a success is written down")
	}
}

// Before its first run, a push counts its start as a success, so that a long first run does not keep the pod
// unready.
func TestPushCountsItsStartAsASuccess(t *testing.T) {
	l := startLoop(t, "push", "hold")
	l.waitFor(start)
	if !exists(filepath.Join(l.dir, "success")) {
		t.Error("no success is written down")
	}
	remove(t, filepath.Join(l.dir, "hold"))
	l.stop(0)
}

// dataSyncScript returns the template's shell script, which contains no expressions.
func dataSyncScript(t *testing.T) string {
	t.Helper()
	data, err := builtin.FS.ReadFile("data-sync.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Spec struct {
			Pod struct {
				Spec struct {
					InitContainers []struct{ Command []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	for _, c := range template.Spec.Pod.Spec.InitContainers {
		if len(c.Command) > 2 {
			if strings.Contains(c.Command[2], "${") {
				t.Fatal("the script holds an expression")
			}
			return c.Command[2]
		}
	}
	t.Fatal("data-sync has no script")
	return ""
}

func (l *loop) signal() {
	l.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		l.Fatal(err)
	}
}

func (l *loop) stop(code int) {
	l.Helper()
	l.signal()
	l.wantExit(code)
}

func (l *loop) wantExit(code int) {
	l.Helper()
	_ = l.cmd.Wait()
	if got := l.cmd.ProcessState.ExitCode(); got != code {
		l.Errorf("exit code %d, want %d", got, code)
	}
}

func (l *loop) log() []string {
	data, _ := os.ReadFile(filepath.Join(l.dir, "log"))
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func (l *loop) wantLog(want ...string) {
	l.Helper()
	if diff := cmp.Diff(want, l.log()); diff != "" {
		l.Errorf("runs of rclone (-want +got):\n%s", diff)
	}
}

// waitFor waits until the last line of the log is the given one.
func (l *loop) waitFor(line string) {
	l.Helper()
	l.waitUntil(fmt.Sprintf("the log ends in %q", line), func() bool {
		lines := l.log()
		return lines[len(lines)-1] == line
	})
}

func (l *loop) waitUntil(what string, holds func() bool) {
	l.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			l.Fatalf("not within 30 s: %s; the log is %q", what, l.log())
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
