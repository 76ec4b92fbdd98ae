package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// A command in the text or in a code block, up to its end.
	typed    = regexp.MustCompile("(?m)(?:^|[`$|/ ])sidecar-injector ((?:check|diff|explain|inject|repair|rollout|serve|status|templates [a-z]+|validate|version)\\b[^`|#\n]*)")
	typedArg = regexp.MustCompile(`(?:^| )(--?[A-Za-z][a-z-]*)`)
)

// TestCommandsInTheDocsTakeTheFlagsThatTheyAreGiven compares flags with the program's own help.
func TestCommandsInTheDocsTakeTheFlagsThatTheyAreGiven(t *testing.T) {
	dependOn(t, "cmd/sidecar-injector")
	program := filepath.Join(t.TempDir(), "sidecar-injector")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "./cmd/sidecar-injector")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	help := map[string]string{}
	commands := 0
	for _, file := range markdownFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range typed.FindAllStringSubmatch(string(text), -1) {
			commands++
			words := strings.Fields(m[1])
			subcommand := words[:1]
			if words[0] == "templates" {
				subcommand = words[:2]
			}
			name := strings.Join(subcommand, " ")
			if _, asked := help[name]; !asked {
				out, err := exec.Command(program, append(subcommand, "--help")...).CombinedOutput()
				if err != nil {
					t.Errorf("%s: %q: %v", file, m[0], err)
				}
				help[name] = string(out)
			}
			for _, arg := range typedArg.FindAllStringSubmatch(m[1], -1) {
				if !strings.Contains(help[name], " "+arg[1]+" ") && !strings.Contains(help[name], " "+arg[1]+",") && !strings.Contains(help[name], " "+arg[1]+"\n") {
					t.Errorf("%s: %q: sidecar-injector %s has no flag %s", file, m[1], name, arg[1])
				}
			}
		}
	}
	if commands < 20 {
		t.Errorf("%d commands found: the expression finds no more what people type", commands)
	}
}
