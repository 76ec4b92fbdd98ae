package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/doctor"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	must(t, err)
	return string(data)
}

// dependOn opens every file below a folder, so that the go command does not use a cached result of a test
// that runs a program on them.
func dependOn(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		_, err = os.ReadFile(name)
		return err
	})
	must(t, err)
}

// section returns the text under a heading of level two.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	before, _, _ := strings.Cut(rest, "\n## ")
	return before
}

var heading3 = regexp.MustCompile(`(?m)^### (.+)$`)

func headings(text string) []string {
	var found []string
	for _, m := range heading3.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestEveryReasonHasItsHeadingAndEveryHeadingIsAReason(t *testing.T) {
	text := read(t, "docs/troubleshooting.md")
	var reasons, findings []string
	for _, r := range inject.Reasons() {
		reasons = append(reasons, string(r.Reason))
	}
	for _, r := range templates.FindingReasons() {
		findings = append(findings, string(r.Reason))
	}
	if diff := cmp.Diff(reasons, headings(section(t, text, "Reasons of a decision"))); diff != "" {
		t.Errorf("reasons of a decision, in the order of the decision (-code +docs):\n%s", diff)
	}
	if diff := cmp.Diff(findings, headings(section(t, text, "Findings of validate"))); diff != "" {
		t.Errorf("findings, sorted (-code +docs):\n%s", diff)
	}
}

func TestEveryCheckHasItsHeadingAndEveryHeadingIsACheck(t *testing.T) {
	if diff := cmp.Diff(doctor.IDs(), headings(section(t, read(t, "docs/troubleshooting.md"), "Checks"))); diff != "" {
		t.Errorf("checks, in their order (-code +docs):\n%s", diff)
	}
}

func TestEveryAnnotationHasItsHeading(t *testing.T) {
	text := read(t, "docs/annotations.md")
	for _, name := range []string{inject.InjectionLabel, inject.RequestAnnotation, inject.StatusAnnotation} {
		if !strings.Contains(text, "\n## "+name+"\n") {
			t.Errorf("docs/annotations.md: no heading for %s", name)
		}
	}
}

var metricName = regexp.MustCompile(`\bsidecar_injector_[a-z_]+\b`)

// The functions are in a table, each quoted.
func TestFunctionsInTheDocsAreThoseThatExpressionsMayCall(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "docs/templates.md"), "\n### Functions\n")
	text, _, _ = strings.Cut(text, "\n### ")
	var told []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			told = append(told, m[1])
		}
	}
	slices.Sort(told)
	if diff := cmp.Diff(expression.Functions(), told); diff != "" {
		t.Errorf("functions (-code +docs):\n%s", diff)
	}
}

// TestMetricsInTheDocsAreThoseInTheCode compares names only: test/monitoring compares types and labels with
// what a running injector exposes.
func TestMetricsInTheDocsAreThoseInTheCode(t *testing.T) {
	inCode := map[string]bool{}
	for _, folder := range []string{"webhook", "templates", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			data, err := os.ReadFile(name)
			for _, metric := range metricName.FindAllString(string(data), -1) {
				inCode[metric] = true
			}
			return err
		})
		must(t, err)
	}
	inDocs := map[string]bool{}
	for _, name := range metricName.FindAllString(section(t, read(t, "docs/metrics.md"), "Metrics"), -1) {
		inDocs[name] = true
	}
	if diff := cmp.Diff(inCode, inDocs); diff != "" {
		t.Errorf("metrics (-code +docs):\n%s", diff)
	}
}

var (
	flagInCode = regexp.MustCompile(`flags\.\w+Var\(&o\.[\w.]+, "([a-z-]+)"`)
	flagInDocs = regexp.MustCompile("`--([a-z-]+)`")
)

func TestFlagsOfServeInTheDocsAreThoseInTheCode(t *testing.T) {
	names := func(re *regexp.Regexp, text string) []string {
		var found []string
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		return found
	}
	inCode := names(flagInCode, read(t, "cmd/sidecar-injector/serve.go"))
	var rows strings.Builder
	for line := range strings.Lines(section(t, read(t, "docs/operations.md"), "Running it")) {
		// A row names its flags in the first column.
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows.WriteString(cells[1])
		}
	}
	inDocs := names(flagInDocs, rows.String())
	if diff := cmp.Diff(inCode, inDocs); diff != "" {
		t.Errorf("flags of serve (-code +docs):\n%s", diff)
	}
}

func TestTheReadmeNamesExactlyTheBuiltInTemplates(t *testing.T) {
	files, err := fs.Glob(builtin.FS, "*.yaml")
	must(t, err)
	var inCode []string
	for _, file := range files {
		inCode = append(inCode, strings.TrimSuffix(file, ".yaml"))
	}
	var inDocs []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllStringSubmatch(section(t, read(t, "README.md"), "Built-in templates"), -1) {
		inDocs = append(inDocs, m[1])
	}
	slices.Sort(inCode)
	slices.Sort(inDocs)
	if diff := cmp.Diff(inCode, inDocs); diff != "" {
		t.Errorf("built-in templates (-code +README):\n%s", diff)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
