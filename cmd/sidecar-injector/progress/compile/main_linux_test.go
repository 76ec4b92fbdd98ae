package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/test/pty"
)

// compiler is a script that behaves like go build: it prints package names with -v, takes some time, and
// prints an error.
const compiler = `if [ "$VERBOSE" ]; then echo example.com/a >&2; echo example.com/b >&2; fi
sleep 1.5
echo "b.go:1:2: undefined: x" >&2
exit 3`

func TestPackagesAreCountedOnATerminalOnly(t *testing.T) {
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	program := filepath.Join(t.TempDir(), "compile")
	if said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	const complaint = "b.go:1:2: undefined: x"
	command := exec.Command(program, "-of", "7", "sh", "-c", compiler)
	terminal, see := pty.Open(t)
	command.Stderr = terminal
	_ = command.Run()
	if code := command.ProcessState.ExitCode(); code != 3 {
		t.Errorf("on a terminal: exit code %d, want that of the command, 3", code)
	}
	seen := see()
	if !strings.Contains(seen, "compiling packages: 2 of 7\r\x1b[K") || !strings.HasSuffix(seen, "\x1b[K"+complaint+"\r\n") {
		t.Errorf("on a terminal: %q", seen)
	}

	command = exec.Command(program, "-of", "7", "sh", "-c", compiler)
	var report bytes.Buffer
	command.Stderr = &report
	_ = command.Run()
	if code := command.ProcessState.ExitCode(); code != 3 || report.String() != complaint+"\n" {
		t.Errorf("in a pipe: exit code %d, %q", code, report.String())
	}
}
