package main

import (
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
		"without root":           {65534, "error: a node needs root, for namespaces, mounts and cgroups: run it with sudo\n"},
		"while another one runs": {0, "error: a node is up, or a killed run has left one: make node-down takes it away"},
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

// The fault is made in a mount namespace of its own, in which the node of this test is not seen.
func TestAMachineThatLacksSomethingSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ fault, want string }{
		"without cgroups":                        {"mount -t tmpfs none /sys/fs/cgroup", "error: no cgroups under /sys/fs/cgroup: mount them, or run this on a machine or in a container that has them\n"},
		"after a killed run without its network": {`mkdir -p "$XDG_CACHE_HOME/sidecar-injector/node/state"`, "error: a killed run, or a restart of the machine, has left "},
	} {
		t.Run(name, func(t *testing.T) {
			binary := runnable(t)
			script := "set -e; mount -t tmpfs none " + filepath.Dir(networkFile) + "; " + c.fault + "; exec " + binary + " -test.run '^$'"
			cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", script)
			cmd.Dir = "/"
			cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(binary))
			text, err := cmd.CombinedOutput()
			if err == nil || !strings.HasPrefix(string(text), c.want) {
				t.Errorf("%v, and it says %q, want %q", err, text, c.want)
			}
		})
	}
}

// runnable returns a copy of this test's binary that every user may run.
func runnable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("/tmp", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "node.test")
	if err := os.WriteFile(copied, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}
