//go:build controlplane

package controlplane

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// The folders of cases: test/golden describes their files.
const (
	goldenFolder   = repository + "/test/golden"
	examplesFolder = repository + "/examples"
)

// goldenCase is the part of a golden case that is tested with the API server.
type goldenCase struct {
	name      string
	input     []byte // the manifests
	want      []byte // the injected manifests; nil when something is refused
	refusals  string // one per line; "" if nothing is refused
	decisions string // the reasons and warnings
}

// caseGroup has the cases that one injector serves: those with equal templates and configuration.
type caseGroup struct {
	folder string   // where serve runs
	flags  []string // of serve
	cases  []*goldenCase
}

// loadCases reads all golden cases and examples, and the cases of the built-in templates.
func loadCases(t *testing.T) []*caseGroup {
	t.Helper()
	groups := map[string]*caseGroup{}
	add := func(dir, input, want string) {
		c := &goldenCase{
			name:  strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(dir), repository+"/"), "test/golden/"),
			input: read(t, dir, input), want: read(t, dir, want),
			refusals: string(read(t, dir, "want-error.txt")), decisions: string(read(t, dir, "decisions.txt")),
		}
		if c.want == nil && c.refusals == "" {
			t.Fatalf("%s: neither %s nor want-error.txt", dir, want)
		}
		key, group := groupOf(t, dir)
		if groups[key] == nil {
			groups[key] = group
		}
		groups[key].cases = append(groups[key].cases, c)
	}
	walk := func(root string, visit func(dir string)) {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				visit(path)
			}
			return err
		})
		must(t, err)
	}
	walk(goldenFolder, func(dir string) {
		if exists(filepath.Join(dir, "in.yaml")) {
			add(dir, "in.yaml", "want.yaml")
		}
	})
	walk(examplesFolder, func(dir string) {
		for _, workload := range []string{"deployment.yaml", "statefulset.yaml", "job.yaml"} {
			if exists(filepath.Join(dir, workload)) {
				add(dir, workload, filepath.Join("..", "injected", filepath.Base(dir)+".yaml"))
			}
		}
	})
	key, group := groupOf(t, t.TempDir()) // without settings and templates
	if groups[key] == nil {
		groups[key] = group
	}
	groups[key].cases = append(groups[key].cases, builtInCases(t)...)
	var sorted []*caseGroup
	for _, g := range groups {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *caseGroup) int { return cmp.Compare(a.cases[0].name, b.cases[0].name) })
	return sorted
}

// builtInCases returns the cases of the built-in templates, except those with a namespace or settings of
// their own.
func builtInCases(t *testing.T) []*goldenCase {
	t.Helper()
	library := source.NewLibrary(time.Now, nil, source.Usual(nil, nil)...)
	must(t, library.Load())
	runner := &cases.Runner{Set: library.Current(), Settings: config.Default().Settings(), Fallback: "default"}
	found, err := cases.Find(repository+"/test/templates/builtin", nil, false)
	must(t, err)
	var all []*goldenCase
	for _, c := range found {
		if exists(filepath.Join(c.Dir, cases.NamespaceFile)) || exists(filepath.Join(c.Dir, cases.ConfigFile)) {
			continue
		}
		result, err := runner.Run(c)
		must(t, err)
		g := &goldenCase{name: "templates/builtin/" + c.Name, input: c.Pod(), want: result.After, decisions: "Pod\n"}
		for _, warning := range result.Answer.Warnings {
			g.decisions += "  warning: " + warning + "\n"
		}
		if !result.Answer.Allowed() {
			g.refusals = result.Answer.Message() + "\n"
		}
		all = append(all, g)
	}
	return all
}

// groupOf returns the group for a case: how serve has to run, and a hash of what that depends on.
func groupOf(t *testing.T, dir string) (key string, group *caseGroup) {
	t.Helper()
	hash := sha256.New()
	group = &caseGroup{}
	if file := filepath.Join(dir, "config.yaml"); exists(file) {
		group.flags = append(group.flags, "--config", mustAbs(file))
		hash.Write(read(t, dir, "config.yaml"))
	}
	if folder := filepath.Join(dir, "templates"); exists(folder) {
		// The cases' messages contain file names relative to the folder.
		group.folder, group.flags = folder, append(group.flags, "--template-dir", ".")
		err := fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				hash.Write([]byte(path + "\x00"))
				hash.Write(append(read(t, folder, path), 0))
			}
			return err
		})
		must(t, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), group
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read returns a file's content, nil if it does not exist.
func read(t *testing.T, dir, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return text
}

// workload is one object of a case that is a pod or makes pods.
type workload struct {
	kind, name string
	namespace  namespace
	object     object
}

// namespace is a workload's namespace. Unless the input defines it, it has the opt-in label.
type namespace struct {
	name                string
	labels, annotations map[string]string
}

// workloads returns the workloads of a manifest.
func workloads(t *testing.T, file string, text []byte) []workload {
	t.Helper()
	stream, err := manifest.Parse(file, text)
	must(t, err)
	pods, err := stream.Pods()
	must(t, err)
	given, err := stream.Namespaces()
	must(t, err)
	var all []workload
	for _, p := range pods {
		w := workload{kind: p.Kind, name: p.Name, namespace: namespaceOf(p.Namespace, given)}
		must(t, json.Unmarshal(workloadJSON(t, &p), &w.object))
		if p.Kind == "PodTemplate" { // tested as the pod made from it
			w.kind = "Pod"
			w.object["metadata"].(object)["generateName"] = p.Name + "-"
		}
		all = append(all, w)
	}
	return all
}

// workloadJSON returns the object that contains a pod; for a PodTemplate, the pod.
func workloadJSON(t *testing.T, p *manifest.Pod) []byte {
	t.Helper()
	if p.Kind == "PodTemplate" {
		return p.JSON
	}
	text := p.Document.JSON()
	if items, ok := strings.CutPrefix(p.Pointer, "/items/"); ok {
		var list struct{ Items []json.RawMessage }
		must(t, json.Unmarshal(text, &list))
		var index int
		must(t, json.Unmarshal([]byte(strings.SplitN(items, "/", 2)[0]), &index))
		return list.Items[index]
	}
	return text
}

func namespaceOf(name string, given []manifest.Namespace) namespace {
	name = cmp.Or(name, "default")
	for _, n := range given {
		if n.Name == name {
			return namespace{name: name, labels: n.Labels, annotations: n.Annotations}
		}
	}
	return namespace{name: name, labels: map[string]string{injectionLabel: "enabled"}}
}
