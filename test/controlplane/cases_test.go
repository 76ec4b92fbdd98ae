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

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// The folders of cases: test/golden describes their files.
const (
	goldenFolder   = repository + "/test/golden"
	examplesFolder = repository + "/examples"
)

// goldenCase is a golden case as far as the API server is concerned.
type goldenCase struct {
	name      string
	input     []byte // the manifests
	want      []byte // the injected manifests; nil when something is refused
	refusals  string // a line each; "" when nothing is
	decisions string // the reasons and warnings
}

// caseGroup is the cases that one injector answers: those with equal templates and configuration.
type caseGroup struct {
	folder string   // where serve runs
	flags  []string // of serve
	cases  []*goldenCase
}

// loadCases reads all golden cases and examples.
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
		if err != nil {
			t.Fatal(err)
		}
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
	var sorted []*caseGroup
	for _, g := range groups {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *caseGroup) int { return cmp.Compare(a.cases[0].name, b.cases[0].name) })
	return sorted
}

// groupOf says how a case wants serve to run, and hashes what that depends on.
func groupOf(t *testing.T, dir string) (key string, group *caseGroup) {
	t.Helper()
	hash := sha256.New()
	group = &caseGroup{}
	if file := filepath.Join(dir, "config.yaml"); exists(file) {
		group.flags = append(group.flags, "--config", mustAbs(file))
		hash.Write(read(t, dir, "config.yaml"))
	}
	if folder := filepath.Join(dir, "templates"); exists(folder) {
		// The cases' messages name files as if they were in the folder itself.
		group.folder, group.flags = folder, append(group.flags, "--template-dir", ".")
		err := fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				hash.Write([]byte(path + "\x00"))
				hash.Write(append(read(t, folder, path), 0))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), group
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read gives a file's content, nil if it is not there.
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

// namespace is where a workload belongs. Unless the input says more of it, it counts as enabled.
type namespace struct {
	name                string
	labels, annotations map[string]string
}

// workloads takes a manifest apart.
func workloads(t *testing.T, file string, text []byte) []workload {
	t.Helper()
	stream, err := manifest.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := stream.Pods()
	if err != nil {
		t.Fatal(err)
	}
	given, err := stream.Namespaces()
	if err != nil {
		t.Fatal(err)
	}
	var all []workload
	for _, p := range pods {
		w := workload{kind: p.Kind, name: p.Name, namespace: namespaceOf(p.Namespace, given)}
		if err := json.Unmarshal(workloadJSON(t, &p), &w.object); err != nil {
			t.Fatal(err)
		}
		if p.Kind == "PodTemplate" { // what its users make of it
			w.kind = "Pod"
			w.object["metadata"].(object)["generateName"] = p.Name + "-"
		}
		all = append(all, w)
	}
	return all
}

// workloadJSON is the object that a pod was found in; of a PodTemplate, the pod.
func workloadJSON(t *testing.T, p *manifest.Pod) []byte {
	t.Helper()
	if p.Kind == "PodTemplate" {
		return p.JSON
	}
	text := p.Document.JSON()
	if items, ok := strings.CutPrefix(p.Pointer, "/items/"); ok {
		var list struct{ Items []json.RawMessage }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		var index int
		if err := json.Unmarshal([]byte(strings.SplitN(items, "/", 2)[0]), &index); err != nil {
			t.Fatal(err)
		}
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
