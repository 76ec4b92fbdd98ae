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
