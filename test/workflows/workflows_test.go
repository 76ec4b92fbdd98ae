package workflows

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// workflow is what the tests read of one.
type workflow struct {
	file        string
	Name        string            `yaml:"name"`
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Env         map[string]string `yaml:"env"`
	Concurrency yaml.Node         `yaml:"concurrency"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	Needs       string            `yaml:"needs"`
	RunsOn      string            `yaml:"runs-on"`
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string `yaml:"permissions"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	ID   string            `yaml:"id"`
	Uses yaml.Node         `yaml:"uses"`
	With map[string]string `yaml:"with"`
	Env  map[string]string `yaml:"env"`
	Run  string            `yaml:"run"`
}

func workflows(t *testing.T) []workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.y*ml"))
	must(t, err)
	var found []workflow
	for _, file := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(read(t, file)))
		decoder.KnownFields(true)
		w := workflow{file: filepath.Base(file)}
		if err := decoder.Decode(&w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found = append(found, w)
	}
	if len(found) == 0 {
		t.Fatal("no workflows")
	}
	return found
}

// eachStep goes through all steps of all workflows.
func eachStep(t *testing.T, look func(where string, s step)) {
	t.Helper()
	for _, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				look(w.file+", job "+name, s)
			}
		}
	}
}

func TestActionsArePinnedToACommitAndSayItsVersion(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`)
	version := regexp.MustCompile(`^# v\d+\.\d+\.\d+$`)
	commits := map[string]string{}
	eachStep(t, func(where string, s step) {
		uses := s.Uses.Value
		if uses == "" {
			return
		}
		if !pinned.MatchString(uses) || !version.MatchString(s.Uses.LineComment) {
			t.Errorf("%s: %s %s: want owner/name@COMMIT # v1.2.3", where, uses, s.Uses.LineComment)
		}
		action, _, _ := strings.Cut(uses, "@")
		if before, ok := commits[action]; ok && before != uses+s.Uses.LineComment {
			t.Errorf("%s: %s stands elsewhere in another version", where, uses)
		}
		commits[action] = uses + s.Uses.LineComment
	})
}

func TestNoJobMayDoMoreThanItNeeds(t *testing.T) {
	writes := map[string][]string{
		"release.yaml, job image": {"packages"},
		"release.yaml, job files": {"contents", "packages"},
	}
	for _, w := range workflows(t) {
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: permissions %v for all jobs, want {}", w.file, w.Permissions)
		}
		for name, j := range w.Jobs {
			where := w.file + ", job " + name
			for what, right := range j.Permissions {
				if right != "read" && !slices.Contains(writes[where], what) {
					t.Errorf("%s: %s: %s", where, what, right)
				}
			}
			if j.Timeout == 0 || strings.HasSuffix(j.RunsOn, "-latest") {
				t.Errorf("%s: timeout %d, runs on %s", where, j.Timeout, j.RunsOn)
			}
			if j.Needs != "" && w.Jobs[j.Needs].Steps == nil {
				t.Errorf("%s: needs %s, which is not there", where, j.Needs)
			}
		}
	}
	eachStep(t, func(where string, s step) {
		if strings.HasPrefix(s.Uses.Value, "actions/checkout@") && s.With["persist-credentials"] != "false" {
			t.Errorf("%s: every later step can use the token of the checkout", where)
		}
	})
}

// TestNothingFromOutsideBecomesAScript: ${{ }} in a script is pasted before the shell
// reads it; the environment is not.
func TestNothingFromOutsideBecomesAScript(t *testing.T) {
	eachStep(t, func(where string, s step) {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("%s: %s", where, s.Run)
		}
	})
}

func TestWhatIsCalledExists(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllSubmatch(read(t, filepath.Join(root, "Makefile")), -1) {
		targets[string(m[1])] = true
	}
	tools := string(read(t, filepath.Join(root, "tools/go.mod")))
	variable := regexp.MustCompile(`^\w+=`)
	calls := 0
	eachStep(t, func(where string, s step) {
		for line := range strings.Lines(s.Run) {
			words := strings.Fields(line)
			switch {
			case words[0] == "make":
				for _, word := range words[1:] {
					if calls++; !targets[word] && !variable.MatchString(word) {
						t.Errorf("%s: make %s: no such target", where, word)
					}
				}
			case strings.HasPrefix(line, "go -C tools tool "):
				if calls++; !strings.Contains(tools, "/cmd/"+words[4]+"\n") {
					t.Errorf("%s: %s is no tool of tools/go.mod", where, words[4])
				}
			case words[0] == "cd":
				calls++
				if info, err := os.Stat(filepath.Join(root, words[1])); err != nil || !info.IsDir() {
					t.Errorf("%s: cd %s: %v", where, words[1], err)
				}
			case strings.HasPrefix(words[0], "."):
				calls++
				if info, err := os.Stat(filepath.Join(root, words[0])); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s: %s cannot be run: %v", where, words[0], err)
				}
			case words[0] != "echo" && words[0] != "gh":
				t.Errorf("%s: the test does not know how to check %s", where, line)
			}
		}
		if file := s.With["go-version-file"]; file != "" {
			if !regexp.MustCompile(`(?m)^go \d+\.\d+\.\d+$`).Match(read(t, filepath.Join(root, file))) {
				t.Errorf("%s: %s names no version of Go", where, file)
			}
		}
	})
	if calls == 0 {
		t.Error("nothing is called")
	}
}

func TestTheImageIsBuiltWithArgumentsThatTheDockerfileHas(t *testing.T) {
	dockerfile := read(t, filepath.Join(root, "Dockerfile"))
	chart := string(read(t, filepath.Join(root, "charts/sidecar-injector/values.yaml")))
	built := 0
	for _, w := range workflows(t) {
		for _, j := range w.Jobs {
			for _, s := range j.Steps {
				if !strings.HasPrefix(s.Uses.Value, "docker/build-push-action@") {
					continue
				}
				built++
				for line := range strings.Lines(s.With["build-args"]) {
					name, _, _ := strings.Cut(line, "=")
					if !regexp.MustCompile(`(?m)^ARG .*\b` + name + `=`).Match(dockerfile) {
						t.Errorf("%s: the Dockerfile has no argument %s", w.file, name)
					}
				}
				if s.With["platforms"] != "linux/amd64,linux/arm64" || s.With["sbom"] != "true" || s.With["provenance"] != "mode=max" {
					t.Errorf("%s: %v", w.file, s.With)
				}
				registry, repository, _ := strings.Cut(w.Env["IMAGE"], "/")
				if !strings.Contains(chart, "registry: "+registry+"\n") || !strings.Contains(chart, "repository: "+repository+"\n") {
					t.Errorf("%s pushes %s, which is not the chart's image", w.file, w.Env["IMAGE"])
				}
			}
		}
	}
	if built != 1 {
		t.Errorf("%d images", built)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	return data
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
