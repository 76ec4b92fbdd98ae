package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	testInDocs = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`")
	testInCode = regexp.MustCompile(`(?m)^func (Test[A-Z][A-Za-z0-9]+)\(`)
)

// TestTestsThatTheDocsNameAreThere lets a reader check a promise by the test that keeps it.
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
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range markdownFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testInDocs.FindAllStringSubmatch(string(text), -1) {
			if !there[m[1]] {
				t.Errorf("%s names %s, which no package has", file, m[1])
			}
		}
	}
}

var threat = regexp.MustCompile(`(?m)^\| (\d+) \|(.*)\|$`)

func TestEveryThreatOfTheModelHasAnAnswer(t *testing.T) {
	var want, got []string
	for n := 1; n <= 18; n++ {
		want = append(want, strconv.Itoa(n))
	}
	for _, m := range threat.FindAllStringSubmatch(section(t, read(t, "docs/security.md"), "The threats of admission control"), -1) {
		got = append(got, m[1])
		if cells := strings.Split(m[2], "|"); len(cells) != 3 || strings.TrimSpace(cells[1]) == "" {
			t.Errorf("threat %s: want its name, our answer, and what is left", m[1])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("threats (-want +got):\n%s", diff)
	}
}
