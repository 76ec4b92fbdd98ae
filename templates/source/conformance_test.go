package source_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/test/sources"
)

// files is the content of a source: file names and texts.
type files map[string]string

// place is a source whose whole content a test can set.
type place struct {
	source source.Source
	set    func(files)
}

// places returns the sources to which the suite applies.
func places(t *testing.T) map[string]func(t *testing.T) place {
	return map[string]func(t *testing.T) place{
		"directory": func(t *testing.T) place {
			dir := t.TempDir()
			return place{source.NewDirectory(dir), func(content files) { fillDirectory(t, dir, content) }}
		},
		"mounted ConfigMap": func(t *testing.T) place {
			mount := newMount(t, t.TempDir())
			return place{source.NewDirectory(mount.dir), mount.set}
		},
	}
}

// fillDirectory makes dir hold exactly content, each file replaced by renaming, as editors do.
func fillDirectory(t *testing.T, dir string, content files) {
	t.Helper()
	for name, text := range content {
		full := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full+"~", []byte(text), 0o644))
		must(t, os.Rename(full+"~", full))
	}
	must(t, filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if _, wanted := content[name]; err == nil && !wanted {
			err = os.Remove(full)
		}
		return err
	}))
}

// mount is a directory as the kubelet fills it from a ConfigMap.
type mount struct {
	t       *testing.T
	dir     string
	version int
}

func newMount(t *testing.T, dir string) *mount { return &mount{t: t, dir: dir} }

// set does what the kubelet does, in the same order: it creates a new folder, replaces the link, creates
// links for new names, removes those of old names, and removes the old folder.
func (m *mount) set(content files) {
	m.t.Helper()
	m.version++
	link := filepath.Join(m.dir, "..data")
	old, _ := os.Readlink(link)
	folder := fmt.Sprintf("..2026_11_23_%04d", m.version)
	top := map[string]bool{}
	must(m.t, os.Mkdir(filepath.Join(m.dir, folder), 0o755))
	for name, text := range content {
		full := filepath.Join(m.dir, folder, name)
		must(m.t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(m.t, os.WriteFile(full, []byte(text), 0o644))
		top[strings.Split(name, "/")[0]] = true
	}
	must(m.t, os.Symlink(folder, link+"_tmp"))
	must(m.t, os.Rename(link+"_tmp", link))
	for name := range top {
		if _, err := os.Lstat(filepath.Join(m.dir, name)); err != nil {
			must(m.t, os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
		}
	}
	entries, err := os.ReadDir(m.dir)
	must(m.t, err)
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, "..") && !top[name] {
			must(m.t, os.Remove(filepath.Join(m.dir, name)))
		}
	}
	if old != "" {
		must(m.t, os.RemoveAll(filepath.Join(m.dir, old)))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func template(name string, version int) string {
	return sources.Template{Name: name, Version: version}.Text()
}

// broken is the same as template, with a field that does not exist.
func broken(name string, version int) string {
	return sources.Template{Name: name, Version: version, Broken: true}.Text()
}

const unparsable = "kind: [\n"

func describe(entries []templates.Entry) string { return sources.Describe(entries) }

// step is a content and the expected result of the source.
type step struct {
	content files
	want    string
}

// TestEverySourceKeepsItsPromises runs the suite of all sources on the sources of files.
func TestEverySourceKeepsItsPromises(t *testing.T) {
	for kind, make := range places(t) {
		t.Run(kind, func(t *testing.T) {
			sources.Test(t, func(t *testing.T) sources.Place {
				p := make(t)
				return sources.Place{Source: p.source, Set: func(content []sources.Template) {
					all := files{}
					for _, template := range content {
						all[template.Name+".yaml"] = template.Text()
					}
					p.set(all)
				}}
			})
		})
	}
}

// TestEverySourceOfFilesKeepsItsPromises covers cases that only files can have.
func TestEverySourceOfFilesKeepsItsPromises(t *testing.T) {
	cases := map[string][]step{
		"every document of every file counts": {
			{files{"a.yaml": template("a", 1) + template("b", 2), "c.yml": template("c", 3), "d.json": `{"apiVersion": "sidecar-injector.dev/v1alpha1",
				"kind": "ClusterSidecarTemplate", "metadata": {"name": "d"}, "spec": {"order": 4, "pod": {"metadata": {"labels": {"a": "b"}}}}}`}, "a@1, b@2, c@3, d@4"},
		},
		"folders count": {
			{files{"team/x/a.yaml": template("a", 1), "b.yaml": template("b", 1)}, "a@1, b@1"},
		},
		"names beginning with two dots and other files are ignored": {
			{files{"..a.yaml": template("a", 1), "README.md": "kind: [", "b.yaml~": unparsable, "c.yaml": template("c", 1)}, "c@1"},
		},
		"a template that turns broken keeps its last good version and takes nobody along": {
			{files{"a.yaml": template("a", 1) + template("b", 1), "c.yaml": template("c", 1)}, "a@1, b@1, c@1"},
			{files{"a.yaml": broken("a", 2) + template("b", 2), "c.yaml": template("c", 2)}, "a@1 broken, b@2, c@2"},
			{files{"a.yaml": broken("a", 3) + template("b", 3), "c.yaml": template("c", 2)}, "a@1 broken, b@3, c@2"},
			{files{"a.yaml": template("a", 4) + template("b", 3), "c.yaml": template("c", 2)}, "a@4, b@3, c@2"},
		},
		"a file that can no longer be parsed keeps all its templates": {
			{files{"a.yaml": template("a", 1) + broken("b", 1), "c.yaml": template("c", 1)}, "a@1, b broken, c@1"},
			{files{"a.yaml": unparsable, "c.yaml": template("c", 2)}, "? broken, a@1 broken, b broken, c@2"},
			{files{"a.yaml": unparsable + " ", "c.yaml": template("c", 2)}, "? broken, a@1 broken, b broken, c@2"},
			{files{"a.yaml": template("a", 3), "c.yaml": template("c", 2)}, "a@3, c@2"},
		},
		"a template that is defined elsewhere now is not kept from a file that cannot be parsed": {
			{files{"a.yaml": template("a", 1)}, "a@1"},
			{files{"a.yaml": unparsable, "b.yaml": template("a", 2)}, "? broken, a@2"},
		},
		"a document that is taken out is gone": {
			{files{"a.yaml": template("a", 1) + template("b", 1)}, "a@1, b@1"},
			{files{"a.yaml": template("b", 1)}, "b@1"},
			{files{"a.yaml": ""}, ""},
		},
		"a file that is deleted is gone, broken or not": {
			{files{"a.yaml": template("a", 1), "b.yaml": template("b", 1), "c.yaml": template("c", 1)}, "a@1, b@1, c@1"},
			{files{"a.yaml": broken("a", 2), "b.yaml": unparsable, "c.yaml": template("c", 1)}, "? broken, a@1 broken, b@1 broken, c@1"},
			{files{"c.yaml": template("c", 1)}, "c@1"},
			{files{"a.yaml": broken("a", 2), "c.yaml": template("c", 1)}, "a broken, c@1"},
		},
		"a template that moves to another file keeps its last good version": {
			{files{"a.yaml": template("a", 1)}, "a@1"},
			{files{"b.yaml": broken("a", 2)}, "a@1 broken"},
		},
		"a template that is there twice keeps the version that was there alone": {
			{files{"a.yaml": template("a", 1)}, "a@1"},
			{files{"a.yaml": template("a", 1), "b.yaml": template("a", 2)}, "a@1 broken, a@1 broken"},
			{files{"b.yaml": template("a", 2)}, "a@2"},
		},
	}
	for kind, make := range places(t) {
		for name, steps := range cases {
			t.Run(kind+"/"+name, func(t *testing.T) {
				p := make(t)
				for i, s := range steps {
					p.set(s.content)
					entries, err := p.source.Read()
					if err != nil {
						t.Fatalf("step %d: %v", i+1, err)
					}
					if got := describe(entries); got != s.want {
						t.Errorf("step %d: got  %s\nwant %s", i+1, got, s.want)
					}
					// The merged set has the same entries: templates survive NewSet.
					if got := describe(templates.NewSet(entries).Entries()); got != s.want {
						t.Errorf("step %d: the set has %s\nwant %s", i+1, got, s.want)
					}
				}
			})
		}
	}
}

func TestFindingsOfAFileThatCannotBeParsedStandOnAllThatItKeeps(t *testing.T) {
	for kind, make := range places(t) {
		t.Run(kind, func(t *testing.T) {
			p := make(t)
			p.set(files{"a.yaml": template("a", 1)})
			_, err := p.source.Read()
			must(t, err)
			p.set(files{"a.yaml": unparsable})
			entries, err := p.source.Read()
			must(t, err)
			if len(entries) != 2 {
				t.Fatalf("got %s", describe(entries))
			}
			if diff := cmp.Diff(entries[0].Findings, entries[1].Findings); diff != "" || len(entries[0].Findings) == 0 {
				t.Errorf("the findings differ or are none: %s", diff)
			}
		})
	}
}
