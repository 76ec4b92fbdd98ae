package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A node that cannot run says why and what to do, and starts nothing.
func TestANodeThatCannotRunSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		user uint32
		want string
	}{
		"without root": {65534, "error: a node needs root, for namespaces, mounts and cgroups: run it with sudo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), runnable(t), "-test.run", "^$")
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.user, Gid: c.user}}
			text, err := cmd.CombinedOutput()
			if err == nil || !strings.HasPrefix(string(text), c.want) {
				t.Errorf("%v, and it says %q, want %q", err, text, c.want)
			}
		})
	}
}

// The fault is made in a mount namespace, and in a network namespace for the reservation, in which the node of
// this test is not seen.
func TestAMachineThatLacksSomethingSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ fault, want string }{
		"without cgroups":              {"mount -t tmpfs none /sys/fs/cgroup", "error: no cgroups under /sys/fs/cgroup: mount them, or run this on a machine or in a container that has them\n"},
		"while another user's node is": {"ip netns add " + networkNamespace + "; nsenter --net=" + networkFile + " sleep 60 & sleep 1", "error: a node of another user is up (network namespace " + networkNamespace + "): make node-down as that user takes it away\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if text, err := elsewhere(t, c.fault).CombinedOutput(); err == nil || !strings.HasPrefix(string(text), c.want) {
				t.Errorf("%v, and it says %q, want %q", err, text, c.want)
			}
		})
	}
}

// What a killed run has left, and what remains of it after a restart of the machine, is in nobody's way. The
// node is not started: the machine that finds it has no cgroups.
func TestWhatAKilledRunHasLeftIsTakenAway(t *testing.T) {
	for name, leave := range map[string]string{
		"its state without its network":          `mkdir -p "$XDG_CACHE_HOME/sidecar-injector/node/state"`,
		"its network without its state":          "ip netns add " + networkNamespace,
		"the file of a network before a restart": "touch " + networkFile,
		"servers":                                `mkdir -p "$XDG_CACHE_HOME/sidecar-injector/node/state/pids"; ip netns add ` + networkNamespace + "; nsenter --net=" + networkFile + ` sleep 60 & echo -n $! >"$XDG_CACHE_HOME/sidecar-injector/node/state/pids/kubelet"`,
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := elsewhere(t, "mount -t tmpfs none /sys/fs/cgroup; "+leave).CombinedOutput()
			if !strings.Contains(string(text), "taking away what a killed run has left\nerror: no cgroups") {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// Two runs at once are one after the other.
func TestARunWaitsForTheEndOfAnother(t *testing.T) {
	waits := exec.CommandContext(t.Context(), runnable(t), "-test.run", "^$")
	waits.Dir = "/"
	says, err := waits.StderrPipe()
	must(t, err)
	must(t, waits.Start())
	line, err := bufio.NewReader(says).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "waiting for the end of another run that uses this machine's node\n") {
		t.Errorf("it says %q (%v)", line, err)
	}
	if err := waits.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := waits.Wait(); err == nil {
		t.Error("it started a second node")
	}
}

// elsewhere returns a run of this test's binary, after fault, where it sees no node and no reservation.
func elsewhere(t *testing.T, fault string) *exec.Cmd {
	binary := runnable(t)
	script := "set -e; mount -t tmpfs none " + filepath.Dir(networkFile) + "; " + fault + "; exec " + binary + " -test.run '^$'"
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", script)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(binary))
	return cmd
}

// runnable returns a copy of this test's binary that every user may run.
func runnable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	folder, err := os.MkdirTemp("/tmp", "node")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	must(t, os.Chmod(folder, 0o755))
	binary, err := os.ReadFile(self)
	must(t, err)
	copied := filepath.Join(folder, "node.test")
	must(t, os.WriteFile(copied, binary, 0o755))
	return copied
}
