package main

import (
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages parses the Dockerfile as docker build does.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "Dockerfile"))
	must(t, err)
	defer file.Close()
	parsed, err := parser.Parse(file)
	must(t, err)
	if len(parsed.Warnings) > 0 {
		t.Errorf("warnings: %v", parsed.Warnings)
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	must(t, err)
	if len(found) != 2 {
		t.Fatalf("%d stages, want one that compiles and one that runs", len(found))
	}
	return found
}

// all returns a stage's commands of one kind.
func all[C any](stage instructions.Stage) []C {
	var found []C
	for _, command := range stage.Commands {
		if c, ok := command.(C); ok {
			found = append(found, c)
		}
	}
	return found
}

// arguments returns the arguments that a stage declares, with their default values.
func arguments(stage instructions.Stage) map[string]string {
	found := map[string]string{}
	for _, c := range all[*instructions.ArgCommand](stage) {
		for _, a := range c.Args {
			found[a.Key] = a.ValueString()
		}
	}
	return found
}

func TestTheFirstStageRunsTheBuildScriptForTheTargetPlatform(t *testing.T) {
	stage := stages(t)[0]
	if stage.Platform != "$BUILDPLATFORM" {
		t.Errorf("platform %q: compiling by emulation takes hours", stage.Platform)
	}
	want := map[string]string{"TARGETOS": "", "TARGETARCH": "", "VERSION": "devel", "COMMIT": "unknown"}
	if diff := cmp.Diff(want, arguments(stage)); diff != "" {
		t.Errorf("arguments of the script (-want +Dockerfile):\n%s", diff)
	}
	var ran []string
	for _, c := range all[*instructions.RunCommand](stage) {
		ran = append(ran, strings.Join(c.CmdLine, " "))
	}
	if diff := cmp.Diff([]string{"go mod download", "tools/build.sh /" + program}, ran); diff != "" {
		t.Errorf("commands (-want +Dockerfile):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(root, "tools/build.sh"))
	must(t, err)
	if info.Mode()&0o111 == 0 {
		t.Error("tools/build.sh cannot be executed")
	}
}

func TestTheCompilerIsAsNewAsTheModuleAsks(t *testing.T) {
	_, tag, _ := strings.Cut(stages(t)[0].BaseName, "golang:")
	has, _, _ := strings.Cut(tag, "-")
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	must(t, err)
	wants := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)[1]
	if !version.IsValid("go"+has) || version.Compare("go"+has, "go"+string(wants)) < 0 {
		t.Errorf("image of Go %q, go.mod asks for %s", has, wants)
	}
	if strings.Count(has, ".") != 2 {
		t.Errorf("image of Go %q: without a patch version the same sources give other bytes next month", has)
	}
}

func TestWhatIsCopiedIsThere(t *testing.T) {
	ignored := readIgnored(t)
	for _, c := range all[*instructions.CopyCommand](stages(t)[0]) {
		for _, path := range c.SourcePaths {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("COPY %s: %v", path, err)
			}
			leftOut, err := ignored.MatchesOrParentMatches(path)
			must(t, err)
			if leftOut {
				t.Errorf("COPY %s: .dockerignore leaves it out", path)
			}
		}
	}
}

func TestTheLastStageIsTheImageThatIsAssembledWithoutDocker(t *testing.T) {
	both := stages(t)
	stage := both[1]
	if !strings.HasPrefix(stage.BaseName, "gcr.io/distroless/static-") || !strings.HasSuffix(stage.BaseName, ":nonroot") {
		t.Errorf("base image %s", stage.BaseName)
	}
	copies := all[*instructions.CopyCommand](stage)
	if len(copies) != 1 || copies[0].From != both[0].Name || copies[0].DestPath != "/"+program || !slices.Equal(copies[0].SourcePaths, []string{"/" + program}) {
		t.Errorf("copies %+v", copies)
	}
	if runs := all[*instructions.RunCommand](stage); len(runs) > 0 {
		t.Errorf("RUN in an image without a shell: %v", runs)
	}
	users := all[*instructions.UserCommand](stage)
	if len(users) != 1 || users[0].User != user {
		t.Errorf("users %+v", users)
	}
	entries := all[*instructions.EntrypointCommand](stage)
	if len(entries) != 1 || entries[0].PrependShell || !slices.Equal(entries[0].CmdLine, []string{"/" + program}) {
		t.Errorf("entry points %+v", entries)
	}
	commands := all[*instructions.CmdCommand](stage)
	if len(commands) != 1 || commands[0].PrependShell || !slices.Equal(commands[0].CmdLine, []string{"serve"}) {
		t.Errorf("commands %+v", commands)
	}
	labels := map[string]string{}
	for _, c := range all[*instructions.LabelCommand](stage) {
		for _, l := range c.Labels {
			labels[l.Key] = strings.Trim(l.Value, `"`)
		}
	}
	if diff := cmp.Diff(about{version: "${VERSION}", commit: "${COMMIT}"}.labels(), labels); diff != "" {
		t.Errorf("labels (-assembled +Dockerfile):\n%s", diff)
	}
	if got := slices.Sorted(maps.Keys(arguments(stage))); !slices.Equal(got, []string{"COMMIT", "VERSION"}) {
		t.Errorf("arguments of the labels: %v", got)
	}
}
