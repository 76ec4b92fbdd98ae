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

// buildBinary builds the program that both of the following doors run.
func buildBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar-injector")
	build := exec.Command("go", "build", "-o", path, "../../cmd/sidecar-injector")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// command returns a command that runs the program on a case, with its settings. The working folder is that of
// the case's templates, so that file names in messages are the same as those of the function.
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

// path returns the path of a case's file relative to the working folder of command.
func (c *goldenCase) path(name string) string {
	if len(c.templates) > 0 {
		return "../" + name
	}
	return name
}

// binaryDoor runs sidecar-injector inject once for each case.
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

// ofPod matches the place and the pod that the program puts before the engine's message.
var ofPod = regexp.MustCompile(`^[^ ]+: [A-Z][A-Za-z]+ "[^"]*"(?: in namespace "[^"]*")?: `)

// wantExit returns 2 if the input cannot be read, 1 if a pod is refused.
func (c *goldenCase) wantExit() int {
	switch {
	case strings.HasPrefix(c.wantError, c.inputName+":"):
		return 2
	case c.wantError != "":
		return 1
	}
	return 0
}
