package architecture

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of the main module, root its folder.
const (
	module = "github.com/sidecar-injector/sidecar-injector"
	root   = "../.."
)

// file is one Go file of the repository.
type file struct {
	path    string // from the root, with slashes
	room    string // its folder
	test    bool
	lines   int
	set     *token.FileSet
	syntax  *ast.File
	imports []string
	// made says that the file is generated.
	made bool
}

// readSources parses every Go file of the main module. It opens the files itself, so
// that the go command notices when a cached result is out of date.
func readSources(t *testing.T) []file {
	t.Helper()
	var files []file
	set := token.NewFileSet() // one for all, so that packages can be put together
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && otherModule(name, entry):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(relative), lines: bytes.Count(data, []byte("\n")), set: set}
		f.room, f.test = path.Dir(f.path), strings.HasSuffix(f.path, "_test.go")
		if f.syntax, err = parser.ParseFile(f.set, f.path, data, parser.ParseComments); err != nil {
			return err
		}
		for _, spec := range f.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		f.made = ast.IsGenerated(f.syntax)
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}

// otherModule reports whether a folder is not part of the module, as for the go command.
func otherModule(name string, entry fs.DirEntry) bool {
	if strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") || entry.Name() == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

// product returns the files without test files.
func product(files []file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.test })
}

// at returns the place of a node as file:line, which editors can open.
func (f *file) at(n ast.Node) string {
	p := f.set.Position(n.Pos())
	return p.Filename + ":" + strconv.Itoa(p.Line)
}
