package docs

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// A command in the text or in a code block, up to its end.
	typed    = regexp.MustCompile("(?m)(?:^|[`$|/ ])sidecar-injector ((?:check|diff|explain|inject|repair|rollout|serve|status|templates [a-z]+|validate|version)\\b[^`|#\n]*)")
	typedArg = regexp.MustCompile(`(?:^| )(--?[A-Za-z][a-z-]*)`)
	// A command in its row of the table, a flag there, and a command in the program's help.
	tabled    = regexp.MustCompile("`([a-z]+(?: (?:[a-z]+))?)[^`]*`")
	tabledArg = regexp.MustCompile("`(?:[a-z]+ )?(--?[A-Za-z][a-z-]*)")
	available = regexp.MustCompile(`(?m)^  ([a-z]+) {2,}[A-Z]`)
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
	texts := map[string]string{}
	help := func(command string) string {
		if _, asked := texts[command]; !asked {
			out, err := exec.Command(program, append(strings.Fields(command), "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s --help: %v", command, err)
			}
			texts[command] = string(out)
		}
		return texts[command]
	}
	commands := 0
	for _, file := range markdownFiles(t) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range typed.FindAllStringSubmatch(string(text), -1) {
			commands++
			words := strings.Fields(m[1])
			subcommand := words[:1]
			if words[0] == "templates" {
				subcommand = words[:2]
			}
			name := strings.Join(subcommand, " ")
			usage := help(name)
			for _, arg := range typedArg.FindAllStringSubmatch(m[1], -1) {
				if !hasFlag(usage, arg[1]) {
					t.Errorf("%s: %q: sidecar-injector %s has no flag %s", file, m[1], name, arg[1])
				}
			}
		}
	}
	if commands < 20 {
		t.Errorf("%d commands found: the expression finds no more what people type", commands)
	}
	checkTable(t, help)
}

func hasFlag(help, flag string) bool {
	return strings.Contains(help, " "+flag+" ") || strings.Contains(help, " "+flag+",") || strings.Contains(help, " "+flag+"\n")
}

// checkTable compares the table of all commands with the program's help.
func checkTable(t *testing.T, help func(command string) string) {
	t.Helper()
	want := map[string]bool{}
	for _, m := range available.FindAllStringSubmatch(help("")+help("templates"), -1) {
		want[m[1]] = true
	}
	got := map[string]bool{"help": true, "templates": true}
	for line := range strings.Lines(section(t, read(t, "docs/operations.md"), "The commands")) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "/"), "|")
		if len(cells) < 4 {
			continue
		}
		usage := ""
		for _, m := range tabled.FindAllStringSubmatch(cells[1], -1) {
			words := strings.Fields(m[1])
			if words[0] == "templates" {
				usage += help(m[1])
			} else {
				words = words[:1]
				usage += help(words[0])
			}
			got[words[len(words)-1]] = true
		}
		for _, m := range tabledArg.FindAllStringSubmatch(cells[3], -1) {
			if !hasFlag(usage, m[1]) {
				t.Errorf("docs/operations.md: %s have no flag %s", cells[1], m[1])
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("docs/operations.md: the commands are %q, and the table has %q", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}
}
