package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testInDocs = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`")
	testInCode = regexp.MustCompile(`(?m)^func (Test[A-Z][A-Za-z0-9]+)\(`)
)

// TestTestsThatTheDocsNameAreThere checks that the tests that the documentation refers to exist.
func TestTestsThatTheDocsNameAreThere(t *testing.T) {
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range testInCode.FindAllStringSubmatch(string(text), -1) {
			there[m[1]] = true
		}
		return err
	})
	must(t, err)
	for _, file := range markdownFiles(t) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range testInDocs.FindAllStringSubmatch(string(text), -1) {
			if !there[m[1]] {
				t.Errorf("%s names %s, which no package has", file, m[1])
			}
		}
	}
}

// TestEveryFolderOfTheProductIsInTheTableOfRooms checks the table of CONTRIBUTING.md. The parts of a command
// or of a room (playground/page) may be in it by what they are part of.
func TestEveryFolderOfTheProductIsInTheTableOfRooms(t *testing.T) {
	table := section(t, read(t, "CONTRIBUTING.md"), "Which room for which change")
	inTable := func(folder string) bool { return strings.Contains(table, "`"+filepath.ToSlash(folder)+"`") }
	for _, top := range []string{"cmd/sidecar-injector", "config", "templates", "webhook"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			files, err := filepath.Glob(filepath.Join(name, "*.go"))
			if err != nil || len(files) == 0 {
				return err
			}
			folder, err := filepath.Rel(root, name)
			above := filepath.Dir(folder)
			if err == nil && !inTable(folder) && (above == top || !inTable(above)) {
				t.Errorf("CONTRIBUTING.md: no row names %s", folder)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
