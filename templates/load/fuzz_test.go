package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// FuzzLoad checks for any file that each entry has either an error with a place inside the file and a known
// reason, or a template that renders twice with equal results, which can be written as JSON and read back.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/load/*/template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	builtin, err := filepath.Glob("../builtin/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, builtin...) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	reasons := map[templates.FindingReason]bool{}
	for _, info := range templates.FindingReasons() {
		reasons[info.Reason] = true
	}
	loader := NewLoader()
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 1
		for _, e := range loader.Load(templates.SourceDirectory, "a.yaml", []byte(text)) {
			for _, finding := range e.Findings {
				if finding.Line < 1 || finding.Line > lines+1 || finding.Column < 1 {
					t.Errorf("no place: %s", finding)
				}
				if !reasons[finding.Reason] || finding.Message == "" {
					t.Errorf("no reason: %+v", finding)
				}
				if strings.ContainsFunc(finding.String(), func(r rune) bool { return r < ' ' }) {
					t.Errorf("control characters: %q", finding)
				}
			}
			if (e.Template == nil) != e.Broken() {
				t.Fatalf("broken is %v, template is %v", e.Broken(), e.Template != nil)
			}
			if e.Template != nil {
				renderTwice(t, e.Template)
			}
		}
	})
}

func renderTwice(t *testing.T, tmpl *templates.Template) {
	t.Helper()
	parameters, _ := tmpl.Bind(nil)
	render := func() string {
		out, err := tmpl.Render(tmpl.SampleInput(parameters))
		if err != nil {
			return err.Error()
		}
		if len(out.InitContainers) != len(out.Pod.Object("spec").List("initContainers")) ||
			len(out.Containers) != len(out.Pod.Object("spec").List("containers")) {
			t.Error("a container has no placement")
		}
		for _, o := range []program.Object{out.Pod, out.App.Fields} {
			back, err := program.ObjectFromJSON(o.AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(o.AppendJSON(nil)), string(back.AppendJSON(nil))); diff != "" {
				t.Errorf("JSON does not come back:\n%s", diff)
			}
		}
		return string(out.Pod.AppendJSON(out.App.Fields.AppendJSON(nil)))
	}
	if first, second := render(), render(); first != second {
		t.Errorf("two renderings differ:\n%s", cmp.Diff(first, second))
	}
}
