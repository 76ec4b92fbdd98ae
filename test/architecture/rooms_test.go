package architecture

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms returns, for each folder with product code, the folders of this repository that it may import. A new
// folder has to be added here. cmd may import everything.
func rooms() map[string][]string {
	return map[string][]string{
		"templates/v1alpha1":      {},
		"templates/message":       {},
		"templates/release":       {},
		"templates/manifest":      {"templates/message"},
		"templates/manifest/edit": {"templates/manifest", "templates/message"},
		"templates/schema":        {"templates/manifest", "templates/message"},
		"templates/expression":    {"templates/message", "templates/schema", "templates/v1alpha1"},
		"templates/program":       {"templates/expression", "templates/message", "templates/schema", "templates/v1alpha1"},
		"templates/requirement":   {"templates/message", "templates/program", "templates/schema"},
		"templates":               {"templates/expression", "templates/message", "templates/program", "templates/requirement", "templates/schema", "templates/v1alpha1"},
		"templates/shape":         {"templates", "templates/program", "templates/schema", "templates/v1alpha1"},
		"templates/check":         {"templates", "templates/expression", "templates/message", "templates/program", "templates/release", "templates/requirement", "templates/schema", "templates/shape", "templates/v1alpha1"},
		"templates/load": {"templates", "templates/check", "templates/expression", "templates/manifest", "templates/message", "templates/program", "templates/schema", "templates/shape",
			"templates/v1alpha1"},
		"templates/builtin": {},
		"templates/source":  {"templates", "templates/builtin", "templates/load", "templates/v1alpha1"},
		"webhook/inject":    {"templates", "templates/manifest", "templates/message", "templates/program", "templates/release", "templates/requirement", "templates/schema", "templates/v1alpha1", "webhook/rawjson"},
		"webhook/certs":     {},
		"webhook/rawjson":   {},
		"webhook":           {"templates", "templates/load", "templates/message", "templates/v1alpha1", "webhook/inject", "webhook/rawjson"},
		"config":            {"templates", "templates/manifest", "templates/message", "templates/v1alpha1", "webhook/inject"},

		"cmd/sidecar-injector/cases":    {"config", "templates", "templates/expression", "templates/load", "templates/manifest", "templates/manifest/edit", "templates/message", "templates/program", "templates/schema", "webhook/inject"},
		"cmd/sidecar-injector/fleet":    {"templates", "templates/message", "templates/v1alpha1", "webhook/inject"},
		"cmd/sidecar-injector/progress": {}, "cmd/sidecar-injector/progress/compile": {"cmd/sidecar-injector/progress"},
		"cmd/sidecar-injector/terminal": {"templates", "templates/message"},
		"cmd/sidecar-injector/offline":  {"cmd/sidecar-injector/terminal", "templates", "templates/manifest", "templates/manifest/edit", "templates/message", "webhook/inject"},
		"cmd/sidecar-injector/diff":     {"cmd/sidecar-injector/offline", "cmd/sidecar-injector/terminal", "templates/manifest"},
		"cmd/sidecar-injector/explain":  {"cmd/sidecar-injector/offline", "cmd/sidecar-injector/terminal", "templates", "templates/manifest", "templates/message", "templates/v1alpha1", "webhook/inject"},
		"cmd/sidecar-injector/live": {"cmd/sidecar-injector/explain", "cmd/sidecar-injector/fleet", "cmd/sidecar-injector/offline", "cmd/sidecar-injector/terminal", "config", "templates", "templates/load", "templates/manifest", "templates/message", "templates/v1alpha1",
			"webhook", "webhook/inject"},
		"cmd/sidecar-injector/doctor":  {"cmd/sidecar-injector/fleet", "cmd/sidecar-injector/live", "cmd/sidecar-injector/terminal", "config", "templates", "templates/message", "templates/release", "templates/v1alpha1", "webhook", "webhook/inject"},
		"cmd/sidecar-injector/rollout": {"cmd/sidecar-injector/fleet", "webhook/inject"},
		"cmd/sidecar-injector/keeper":  {"cmd/sidecar-injector/fleet", "cmd/sidecar-injector/live", "cmd/sidecar-injector/rollout", "templates", "templates/message", "webhook/inject"},
		"cmd/sidecar-injector/serve":   {"cmd/sidecar-injector/keeper", "templates", "templates/source", "webhook", "webhook/certs", "webhook/inject"},

		"cmd/sidecar-injector/playground":        {"cmd/sidecar-injector/diff", "cmd/sidecar-injector/explain", "cmd/sidecar-injector/offline", "examples", "templates", "templates/builtin", "templates/load", "templates/manifest", "templates/message", "webhook/inject"},
		"cmd/sidecar-injector/playground/page":   {"cmd/sidecar-injector/fleet", "cmd/sidecar-injector/playground"},
		"cmd/sidecar-injector/playground/static": {"cmd/sidecar-injector/playground", "cmd/sidecar-injector/playground/page"},
		"cmd/sidecar-injector/playground/wasm":   {"cmd/sidecar-injector/playground", "webhook/inject"},

		"examples": {},

		"cmd/sidecar-injector": {"cmd/sidecar-injector/cases", "cmd/sidecar-injector/diff", "cmd/sidecar-injector/doctor", "cmd/sidecar-injector/explain", "cmd/sidecar-injector/fleet", "cmd/sidecar-injector/keeper", "cmd/sidecar-injector/live",
			"cmd/sidecar-injector/offline", "cmd/sidecar-injector/playground", "cmd/sidecar-injector/playground/page", "cmd/sidecar-injector/progress", "cmd/sidecar-injector/rollout", "cmd/sidecar-injector/serve", "cmd/sidecar-injector/terminal", "config", "templates", "templates/builtin", "templates/expression", "templates/load", "templates/manifest", "templates/message", "templates/release", "templates/schema",
			"templates/shape", "templates/source", "templates/v1alpha1", "webhook", "webhook/certs", "webhook/inject"},
	}
}

// pure returns the packages that use no clock, network, environment, file, log or client. They give the same
// results to the API server, the command line and the tests.
func pure() []string {
	return []string{
		"templates", "templates/check", "templates/expression", "templates/load", "templates/manifest", "templates/manifest/edit", "templates/message", "templates/program", "templates/release", "templates/requirement", "templates/schema", "templates/shape", "templates/v1alpha1",
		"webhook/inject", "webhook/rawjson",
		"cmd/sidecar-injector/explain", "cmd/sidecar-injector/fleet", "cmd/sidecar-injector/offline", "cmd/sidecar-injector/terminal",
	}
}

// tests reports whether a folder contains no product code.
func tests(room string) bool {
	return room == "test" || strings.HasPrefix(room, "test/") || room == "docs"
}

func TestEveryRoomIsListed(t *testing.T) {
	known := rooms()
	found := map[string]bool{}
	for _, f := range product(readSources(t)) {
		if tests(f.room) || found[f.room] {
			continue
		}
		found[f.room] = true
		if _, ok := known[f.room]; !ok {
			t.Errorf("%s: a room that nobody has entered in rooms()", f.room)
		}
	}
	for _, room := range slices.Sorted(maps.Keys(known)) {
		if !found[room] {
			t.Errorf("%s: listed in rooms(), but there is no such room", room)
		}
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	known := rooms()
	for _, f := range product(readSources(t)) {
		if tests(f.room) {
			continue
		}
		for _, imported := range f.imports {
			within, ok := strings.CutPrefix(imported, module+"/")
			if !ok {
				continue
			}
			if !slices.Contains(known[f.room], within) {
				t.Errorf("%s imports %s, which %s may not", f.path, within, f.room)
			}
		}
	}
}

// TestPureRoomsImportNothingOfTheWorld checks the direct imports of pure packages. Indirect imports cannot be
// checked: Kubernetes' own CEL library links os and net/http, which are not used here.
func TestPureRoomsImportNothingOfTheWorld(t *testing.T) {
	forbidden := []string{
		"os", "io/fs", "io/ioutil", "path/filepath", "syscall", "net", "net/http", "context", "log", "flag", "embed",
		"math/rand", "crypto/rand", "k8s.io/klog", "github.com/go-logr", "go.uber.org/zap", "github.com/prometheus",
		"k8s.io/client-go", "sigs.k8s.io/controller-runtime", "k8s.io/cli-runtime", "github.com/spf13",
	}
	// Parsing addresses and URLs does not use the network.
	allowed := []string{"net/url", "net/netip"}
	for _, f := range product(readSources(t)) {
		if !slices.Contains(pure(), f.room) {
			continue
		}
		for _, imported := range f.imports {
			if slices.Contains(allowed, imported) {
				continue
			}
			for _, name := range forbidden {
				if imported == name || strings.HasPrefix(imported, name+"/") {
					t.Errorf("%s imports %s: a pure room never does", f.path, imported)
				}
			}
		}
	}
}

// TestPureRoomsReachNoClient checks all direct and indirect imports of pure packages, as listed by the go
// command.
func TestPureRoomsReachNoClient(t *testing.T) {
	readSources(t) // so that a cached result depends on them
	args := []string{"list", "-deps", "-f", "{{.ImportPath}}"}
	for _, room := range pure() {
		args = append(args, "./"+room)
	}
	command := exec.Command("go", args...)
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	for dependency := range strings.Lines(string(out)) {
		for _, name := range []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"} {
			if dependency = strings.TrimSpace(dependency); dependency == name || strings.HasPrefix(dependency, name+"/") {
				t.Errorf("a pure room reaches %s: go mod why %s tells how", dependency, dependency)
			}
		}
	}
}
