package golden_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// examples is the folder of the documentation's examples; each is a case as well.
const examples = "../../examples"

// The files of a case; a folder of templates may stand beside them.
const (
	inputFile     = "in.yaml"
	wantFile      = "want.yaml"
	errorFile     = "want-error.txt"
	decisionsFile = "decisions.txt"
	configFile    = "config.yaml"
	templatesDir  = "templates"

	// exampleWantDir has the expected results of the examples, in a folder of their own because kubectl apply
	// -f applies every file of a folder.
	exampleWantDir = "injected"
	// exampleTemplatesDir holds templates to learn from, which have cases of their own.
	exampleTemplatesDir = "templates"
)

// goldenCase is one folder: the input and the expected output.
type goldenCase struct {
	name, dir string

	// inputName is the name of the input in faults, and the file's name in dir.
	inputName string
	input     []byte
	config    *config.Config
	// configured says that the case has a configuration file.
	configured bool
	// templates are the case's own, by file name.
	templates map[string][]byte
	entries   []templates.Entry

	// want is nil if an error is expected, and wantError is "" otherwise.
	want          []byte
	wantError     string
	wantDecisions string
}

// group is the first folder of the case's name.
func (c *goldenCase) group() string { return strings.Split(c.name, "/")[0] }

// isExample reports whether the case is one of the examples folder: it has no decisions file.
func (c *goldenCase) isExample() bool { return c.group() == "examples" }

func (c *goldenCase) wantName() string {
	if c.isExample() {
		return filepath.Join("..", exampleWantDir, filepath.Base(c.name)+".yaml")
	}
	return wantFile
}

// loadCases reads every folder with an input, and all examples. A folder with files of any other name, or
// without an expected output, is an error.
func loadCases(t *testing.T) []*goldenCase {
	t.Helper()
	loader := load.NewLoader()
	shipped := builtIns(t, loader)
	var cases []*goldenCase
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." || path == "testdata" {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, inputFile)); err != nil {
			refuseFiles(t, path)
			return nil
		}
		cases = append(cases, loadCase(t, filepath.ToSlash(path), path, inputFile, loader, shipped))
		return fs.SkipDir
	})
	must(t, err)
	folders, err := os.ReadDir(examples)
	must(t, err)
	for _, folder := range folders {
		if folder.IsDir() && folder.Name() != exampleWantDir && folder.Name() != exampleTemplatesDir {
			dir := filepath.Join(examples, folder.Name())
			cases = append(cases, loadCase(t, "examples/"+folder.Name(), dir, exampleInput(t, dir), loader, shipped))
		}
	}
	return cases
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// exampleInput returns the file with the workload of an example; the other files are what it needs besides.
func exampleInput(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"deployment.yaml", "statefulset.yaml", "job.yaml"} {
		if exists(filepath.Join(dir, name)) {
			return name
		}
	}
	t.Fatalf("%s: there is no deployment.yaml, statefulset.yaml or job.yaml", dir)
	return ""
}

func loadCase(t *testing.T, name, dir, input string, loader *load.Loader, shipped []templates.Entry) *goldenCase {
	t.Helper()
	c := &goldenCase{name: name, dir: dir, inputName: input, config: config.Default(), templates: map[string][]byte{}}
	c.input = read(t, filepath.Join(dir, input))
	if want := filepath.Join(dir, c.wantName()); c.isExample() && exists(want) {
		c.want = read(t, want)
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch {
		case f.Name() == input:
		case f.Name() == c.wantName():
			c.want = read(t, path)
		case c.isExample():
		case f.Name() == errorFile:
			c.wantError = string(read(t, path))
		case f.Name() == decisionsFile:
			c.wantDecisions = string(read(t, path))
		case f.Name() == configFile:
			c.configured = true
			if c.config, err = config.Parse(configFile, read(t, path)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		case f.Name() == templatesDir && f.IsDir():
			c.loadTemplates(t, path, loader)
		default:
			t.Errorf("%s: a case holds no file of this name", path)
		}
	}
	if (c.want == nil) == (c.wantError == "") && !*update {
		t.Errorf("%s: want one of %s and %s", dir, c.wantName(), errorFile)
	}
	c.entries = append(c.entries, shipped...)
	return c
}

func (c *goldenCase) loadTemplates(t *testing.T, dir string, loader *load.Loader) {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		data := read(t, filepath.Join(dir, f.Name()))
		c.templates[f.Name()] = data
		c.entries = append(c.entries, loader.Load(templates.SourceDirectory, f.Name(), data)...)
	}
}

// builtIns returns the entries of the embedded templates, which must be without findings.
func builtIns(t *testing.T, loader *load.Loader) []templates.Entry {
	t.Helper()
	names, err := fs.Glob(builtin.FS, "*.yaml")
	must(t, err)
	var entries []templates.Entry
	for _, name := range names {
		data, err := builtin.FS.ReadFile(name)
		must(t, err)
		for _, e := range loader.Load(templates.SourceBuiltIn, name, data) {
			for _, f := range e.Findings {
				t.Errorf("built-in template: %s", f)
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// refuseFiles fails for files outside of a case, except Go files.
func refuseFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if !f.IsDir() {
			t.Errorf("%s: stands outside a case, for the folder has no %s", filepath.Join(dir, f.Name()), inputFile)
		}
	}
}

// namespaces returns the text of the documents that are Namespaces.
func (c *goldenCase) namespaces() string {
	stream, err := manifest.Parse(c.inputName, c.input)
	if err != nil {
		return ""
	}
	namespaces, err := stream.Namespaces()
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, ns := range namespaces {
		text.Write(ns.Document.Text)
	}
	return text.String()
}

// alike groups cases with the same settings, templates and namespaces.
func alike(cases []*goldenCase) [][]*goldenCase {
	var groups [][]*goldenCase
	place := map[string]int{}
	for _, c := range cases {
		key := fmt.Sprintf("%v %q %q", *c.config, c.templates, c.namespaces())
		at, ok := place[key]
		if !ok {
			at = len(groups)
			place[key] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], c)
	}
	return groups
}

// set returns the Set of the case's templates; if reversed, the entries are given in reverse order.
func (c *goldenCase) set(reversed bool) *templates.Set {
	entries := slices.Clone(c.entries)
	if reversed {
		slices.Reverse(entries)
	}
	return templates.NewSet(entries)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
