package golden_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// buildBinary makes the program that both further doors run.
func buildBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar-injector")
	build := exec.Command("go", "build", "-o", path, "../../cmd/sidecar-injector")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// command runs the program on a case, with its settings. It runs among the case's
// templates, so that messages name their files as the function does.
func (c *goldenCase) command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	if c.configured {
		args = append(args, "--config", c.path(configFile))
	}
	dir := c.dir
	if len(c.templates) > 0 {
		args = append(args, "--template-dir", ".")
		dir = filepath.Join(c.dir, templatesDir)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	return cmd
}

// path is a file of the case as seen from where command runs.
func (c *goldenCase) path(name string) string {
	if len(c.templates) > 0 {
		return "../" + name
	}
	return name
}

// binaryDoor runs sidecar-injector inject, anew for each case.
func binaryDoor(binary string) func(*testing.T, *goldenCase) func(*testing.T, *goldenCase) answer {
	ask := func(t *testing.T, c *goldenCase) answer {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := c.command(t.Context(), binary, "inject", "-f", c.path(c.inputName))
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got, want := cmd.ProcessState.ExitCode(), c.wantExit(); got != want {
			t.Errorf("exit code %d, want %d; stderr:\n%s", got, want, &stderr)
		}
		got := answer{faults: []string{}, warnings: []string{}}
		if stdout.Len() > 0 {
			got.manifest = stdout.Bytes()
		}
		for line := range strings.Lines(stderr.String()) {
			line = strings.Replace(strings.TrimSuffix(line, "\n"), c.path(c.inputName), c.inputName, 1)
			if fault, ok := strings.CutPrefix(line, "error: "); ok {
				got.faults = append(got.faults, ofPod.ReplaceAllString(fault, ""))
			}
			if warning, ok := strings.CutPrefix(line, "warning: "); ok {
				got.warnings = append(got.warnings, ofPod.ReplaceAllString(warning, ""))
			}
		}
		return got
	}
	return func(*testing.T, *goldenCase) func(*testing.T, *goldenCase) answer { return ask }
}

// ofPod is the place and the pod that the program puts before what the engine says.
var ofPod = regexp.MustCompile(`^[^ ]+: [A-Z][A-Za-z]+ "[^"]*"(?: in namespace "[^"]*")?: `)

// wantExit is 2 where the input cannot be read, 1 where a pod is refused.
func (c *goldenCase) wantExit() int {
	switch {
	case strings.HasPrefix(c.wantError, c.inputName+":"):
		return 2
	case c.wantError != "":
		return 1
	}
	return 0
}
