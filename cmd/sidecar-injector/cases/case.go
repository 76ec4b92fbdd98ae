// Package cases holds the tests of a template's author: a folder a case.
//
//	pod.yaml         the pod, or workload.yaml: a workload of any kind that makes pods
//	case.yaml        what is asked for, and what has to hold: a Spec
//	want.yaml        the pod that has to come out, whole
//	namespace.yaml   the pod's Namespace, which then counts as it stands
//	config.yaml      the injector's settings
//
// What a folder lacks is taken from the nearest folder above it, up to the one
// that was named; only case.yaml and want.yaml are a case's own. A case without any pod has a
// plain one. Find reads the cases, a Runner asks the engine about each, as the webhook does, and
// compares. Whatever a case wants, it also proves the promises that hold for every
// pod: see promises.go.
package cases

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// The names of the files of a case.
const (
	PodFile       = "pod.yaml"
	WorkloadFile  = "workload.yaml"
	SpecFile      = "case.yaml"
	WantFile      = "want.yaml"
	NamespaceFile = "namespace.yaml"
	ConfigFile    = "config.yaml"
	// TemplatesDir is the folder, beside the cases, of the templates that they are about.
	TemplatesDir = "templates"
)

// maxFile bounds a file of a case in bytes.
const maxFile = 8 << 20

// Case is one folder.
type Case struct {
	// Name is the folder within the one that was named, with slashes; Dir is the folder.
	Name, Dir string
	Spec      Spec

	// pod is the only one of the file podFile, with the annotations of the Spec.
	pod     manifest.Pod
	podFile string
	// namespace is nil where none is given.
	namespace *inject.Namespace
	config    *config.Config // nil: none is given
	want      []byte         // of want.yaml; nil: there is none
	unwanted  bool           // somebody is about to write what is wanted
	spec      *specText
}

// Pod is the pod that is asked about, as JSON: with the annotations that the Spec adds.
func (c *Case) Pod() []byte { return c.pod.JSON }

// Asked are the names of the templates that the pod asks for by its annotation.
func (c *Case) Asked() []string {
	pod, err := program.ObjectFromJSON(c.pod.JSON)
	if err != nil {
		return nil
	}
	names := strings.Split(pod.Object("metadata").Object("annotations").Text(inject.RequestAnnotation), ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name[strings.Index(name, "=")+1:])
	}
	return names
}

// PlainPod is the pod of a case without one.
const PlainPod = `apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - name: web
    image: registry.example.com/web:1.0.0
`

// Error is what keeps a case from being run, with what mends it.
type Error struct {
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Advice is the hint.
func (e *Error) Advice() string { return e.Hint }

func faulty(hint, format string, args ...any) error {
	return &Error{fmt.Errorf(format, args...), hint}
}

// Find reads the cases in a folder and the folders in it, in the order of their names; chosen
// leaves out those whose name it does not like. The error tells everything that
// cannot be read, and every folder that is no case though it looks like one. With unwanted, a case may
// lack what it wants: somebody is about to write that.
func Find(dir string, chosen func(name string) bool, unwanted bool) ([]*Case, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, faulty("name the folder that holds the cases", "cases: %w", noun(err))
	}
	if !info.IsDir() {
		return nil, faulty("name the folder that holds the cases", "cases: %s: not a folder", dir)
	}
	f := &finder{root: dir, chosen: chosen, unwanted: unwanted}
	if _, err := f.folder(dir, files{}); err != nil {
		f.faults = append(f.faults, err)
	}
	return f.cases, errors.Join(f.faults...)
}

// files are where a folder's cases find what they need, by the file's name.
type files map[string]string

type finder struct {
	root     string
	chosen   func(string) bool
	unwanted bool
	cases    []*Case
	faults   []error
}

// maxDepth bounds folders within folders, and so links that lead in circles.
const maxDepth = 16

// folder reads a folder's cases and says how many there are, those that were not chosen too.
func (f *finder) folder(dir string, above files) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, noun(err)
	}
	name, _ := filepath.Rel(f.root, dir)
	if strings.Count(name, string(filepath.Separator)) > maxDepth {
		return 0, faulty("", "%s: more than %d folders deep", dir, maxDepth)
	}
	here := files{}
	for kind, path := range above {
		if kind != SpecFile && kind != WantFile {
			here[kind] = path
		}
	}
	own, found, before := files{}, 0, len(f.faults)
	var folders []string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			if dir != f.root || entry.Name() != TemplatesDir {
				folders = append(folders, path)
			}
		case slices.Contains([]string{PodFile, WorkloadFile, SpecFile, WantFile, NamespaceFile, ConfigFile}, entry.Name()):
			own[entry.Name()] = path
		default:
			f.stranger(path, entry.Name())
		}
	}
	if own[PodFile] != "" && own[WorkloadFile] != "" {
		return 0, faulty("a case is about one pod: remove one of them", "%s: holds both %s and %s", dir, PodFile, WorkloadFile)
	}
	if own[PodFile]+own[WorkloadFile] != "" {
		delete(here, PodFile)
		delete(here, WorkloadFile)
	}
	for kind, path := range own {
		here[kind] = path
	}
	for _, folder := range folders {
		n, err := f.folder(folder, here)
		if err != nil {
			f.faults = append(f.faults, err)
		}
		found += n
	}
	isCase := own[SpecFile] != "" || own[WantFile] != "" || own[PodFile]+own[WorkloadFile] != "" && found == 0
	if !isCase {
		if found == 0 && dir != f.root && len(f.faults) == before {
			f.faults = append(f.faults, faulty("a case has one of "+SpecFile+", "+WantFile+" and "+PodFile, "%s: holds no case", dir))
		}
		return found, nil
	}
	name = filepath.ToSlash(name)
	if f.chosen == nil || f.chosen(name) {
		c, err := readCase(name, dir, here, f.unwanted)
		if err != nil {
			f.faults = append(f.faults, err)
		} else {
			f.cases = append(f.cases, c)
		}
	}
	return found + 1, nil
}

// stranger finds fault with a file whose name means nothing here; others than YAML are the
// author's affair.
func (f *finder) stranger(path, name string) {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		f.faults = append(f.faults, faulty(fmt.Sprintf("the files of a case are %s, %s, %s, %s, %s and %s; templates lie in the folder %s, or where --template-dir says",
			PodFile, WorkloadFile, SpecFile, WantFile, NamespaceFile, ConfigFile, TemplatesDir), "%s: a case has no file of this name", path))
	}
}

// read gives a file that is not too large.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, noun(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, noun(err)
	}
	return data, nil
}

// noun turns "open x: no such file" into "x: no such file".
func noun(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Path, at.Err)
	}
	return err
}
