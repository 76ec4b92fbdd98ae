// Package cases runs the tests that the author of a template writes. Each folder is a case.
//
//	pod.yaml         the pod, or workload.yaml: a workload of any kind that makes pods
//	case.yaml        the request and the expected result: a Spec
//	want.yaml        the complete expected pod
//	namespace.yaml   the pod's Namespace, used as written
//	config.yaml      the injector's settings
//
// A file that a folder lacks is taken from the nearest folder above it, up to the one that was given to
// Find; only case.yaml and want.yaml are never inherited. A case without any pod uses PlainPod. Find reads
// the cases, and a Runner runs inject.Inject on each, as the webhook does, and compares the result. Besides
// the case's own expectations it checks the properties that hold for every pod: see promises.go.
package cases

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	// TemplatesDir is the folder of the templates under test, beside the cases.
	TemplatesDir = "templates"
)

// maxFile is the largest size of a file of a case in bytes.
const maxFile = 8 << 20

// Case is one case.
type Case struct {
	// Name is the path of the case's folder within the one given to Find, with slashes; Dir is the folder.
	Name, Dir string
	Spec      Spec

	// pod is the only pod of the file podFile, with the annotations of the Spec added.
	pod     manifest.Pod
	podFile string
	// namespace is nil if none is given.
	namespace *inject.Namespace
	config    *config.Config // nil if none is given
	want      []byte         // content of want.yaml; nil if there is none
	unwanted  bool           // the case may lack expectations, because they are about to be written
	spec      *specText
}

// Pod returns the case's pod as JSON, with the annotations that the Spec adds.
func (c *Case) Pod() []byte { return c.pod.JSON }

// Asked returns the names of the templates in the pod's request annotation.
func (c *Case) Asked() []string {
	pod, err := program.ObjectFromJSON(c.pod.JSON)
	if err != nil {
		return nil
	}
	_, names := inject.InstancesAsked(pod.Object("metadata").Object("annotations").Text(inject.RequestAnnotation))
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

// faulty returns an error that prevents a case from being run, with a hint how to fix it.
func faulty(hint, format string, args ...any) error {
	return &manifest.Error{Message: fmt.Errorf(format, args...).Error(), Hint: hint}
}

// Find reads the cases in dir and the folders below it, links to folders included, in the order of their
// names; chosen selects cases by name, nil selects all. The error lists everything that cannot be read, and
// every folder that looks like a case but is none, as far as a chosen case is concerned: it is the folder or
// lies in it. If unwanted is set, a case may lack expectations, because the caller is about to write them.
func Find(dir string, chosen func(name string) bool, unwanted bool) ([]*Case, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, faulty("name the folder that holds the cases", "cases: %w", withoutOperation(err))
	}
	if !info.IsDir() {
		return nil, faulty("name the folder that holds the cases", "cases: %s: not a folder", dir)
	}
	f := &finder{root: dir, chosen: chosen, unwanted: unwanted}
	f.folder(dir, files{}, nil)
	return f.cases, errors.Join(f.faults...)
}

// files maps the name of a file to its path, for the files that apply to a folder's cases.
type files map[string]string

type finder struct {
	root     string
	chosen   func(string) bool
	unwanted bool
	cases    []*Case
	faults   []error
	// met counts the chosen cases so far, readable or not.
	met int
}

// maxDepth is the deepest nesting of folders.
const maxDepth = 16

// folder reads the cases of a folder and below, and returns how many there are, including those that were
// not chosen; within are the folders that it lies in. Its own faults count if a chosen case lies in it, or if
// it is chosen itself.
func (f *finder) folder(dir string, above files, within []fs.FileInfo) int {
	met := f.met
	found, err := f.read(dir, above, within)
	if name := f.name(dir); err != nil && (f.met > met || f.chosen == nil || f.chosen(name)) {
		f.faults = append(f.faults, err)
	}
	return found
}

// name returns the path of a folder within the root, with slashes.
func (f *finder) name(dir string) string {
	name, _ := filepath.Rel(f.root, dir)
	return filepath.ToSlash(name)
}

// read is folder without the choice of faults: the error has those of the folder itself.
func (f *finder) read(dir string, above files, within []fs.FileInfo) (int, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, withoutOperation(err)
	}
	if slices.ContainsFunc(within, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return 0, nil // a link to a folder above
	}
	within = append(within[:len(within):len(within)], info)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, withoutOperation(err)
	}
	name := f.name(dir)
	if strings.Count(name, "/") > maxDepth {
		return 0, faulty("", "%s: more than %d folders deep", dir, maxDepth)
	}
	here := files{}
	maps.Copy(here, above)
	delete(here, SpecFile)
	delete(here, WantFile)
	found, before := 0, len(f.faults)
	own, folders, told := f.sorted(dir, entries)
	if own[PodFile] != "" && own[WorkloadFile] != "" {
		return 0, faulty("a case is about one pod: remove one of them", "%s: holds both %s and %s", dir, PodFile, WorkloadFile)
	}
	if own[PodFile]+own[WorkloadFile] != "" {
		delete(here, PodFile)
		delete(here, WorkloadFile)
	}
	maps.Copy(here, own)
	for _, folder := range folders {
		found += f.folder(folder, here, within)
	}
	isCase := own[SpecFile] != "" || own[WantFile] != "" || own[PodFile]+own[WorkloadFile] != "" && found == 0
	if !isCase {
		if found == 0 && dir != f.root && told == nil && len(f.faults) == before {
			told = faulty("a case has one of "+SpecFile+", "+WantFile+" and "+PodFile, "%s: holds no case", dir)
		}
		return found, told
	}
	if f.chosen == nil || f.chosen(name) {
		f.met++
		c, err := readCase(name, dir, here, f.unwanted)
		if err != nil {
			f.faults = append(f.faults, err)
		} else {
			f.cases = append(f.cases, c)
		}
	}
	return found + 1, told
}

// sorted returns those of a folder's entries that are files of a case, and the folders among them. The error lists the
// files whose names have no meaning.
func (f *finder) sorted(dir string, entries []fs.DirEntry) (own files, folders []string, err error) {
	own = files{}
	var faults []error
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case isFolder(path, entry):
			if dir != f.root || entry.Name() != TemplatesDir {
				folders = append(folders, path)
			}
		case slices.Contains([]string{PodFile, WorkloadFile, SpecFile, WantFile, NamespaceFile, ConfigFile}, entry.Name()):
			own[entry.Name()] = path
		default:
			faults = append(faults, unknownFile(path, entry.Name()))
		}
	}
	return own, folders, errors.Join(faults...)
}

// isFolder reports whether an entry is a folder, or a link to one.
func isFolder(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// unknownFile returns the error for a YAML or JSON file whose name has no meaning in a case, and for a link that
// leads nowhere; nil for files of other types.
func unknownFile(path, name string) error {
	if _, err := os.Stat(path); err != nil {
		return withoutOperation(err)
	}
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return faulty(fmt.Sprintf("the files of a case are %s, %s, %s, %s, %s and %s; templates lie in the folder %s, or where --template-dir says",
			PodFile, WorkloadFile, SpecFile, WantFile, NamespaceFile, ConfigFile, TemplatesDir), "%s: a case has no file of this name", path)
	}
	return nil
}

// read returns the content of a regular file of at most maxFile bytes.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, withoutOperation(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, withoutOperation(err)
	}
	return data, nil
}

// withoutOperation drops the operation from a *fs.PathError: "open x: no such file" becomes "x: no such file".
func withoutOperation(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Path, at.Err)
	}
	return err
}
