package load

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/check"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

var update = flag.Bool("update", false, "rewrite the wanted results in testdata")

// TestLoad runs each folder of testdata/load: template.yaml is loaded; want.txt has the findings and the
// rendering of a valid template, with the sample input of the load checks or with that of input.json.
func TestLoad(t *testing.T) {
	loader := NewLoader()
	for _, dir := range caseDirs(t, "testdata/load") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			before := string(data)
			got := describe(t, dir, loader.Load(templates.SourceDirectory, "template.yaml", data))
			if string(data) != before {
				t.Error("the input was changed")
			}
			if again := describe(t, dir, Load(templates.SourceDirectory, "template.yaml", data)); again != got {
				t.Errorf("a second load says otherwise (-first +second):\n%s", cmp.Diff(got, again))
			}
			checkWant(t, filepath.Join(dir, "want.txt"), got)
		})
	}
}

// caseDirs returns the folders of cases. A folder without a case, or a file beside the folders, is an error.
func caseDirs(t *testing.T, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if !e.IsDir() {
			t.Errorf("%s is no case", filepath.Join(root, e.Name()))
			continue
		}
		dir := filepath.Join(root, e.Name())
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !slices.Contains([]string{"template.yaml", "input.json", "want.txt"}, f.Name()) {
				t.Errorf("%s belongs to no case", filepath.Join(dir, f.Name()))
			}
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 0 {
		t.Fatal("no cases")
	}
	return dirs
}

func checkWant(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// describe returns the whole result of a load as text.
func describe(t *testing.T, dir string, entries []templates.Entry) string {
	t.Helper()
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteByte('\n')
		}
		state := "valid"
		if e.Broken() {
			state = "broken"
		}
		if (e.Template == nil) != e.Broken() {
			t.Errorf("entry %s: broken is %v, template is %v", e.Name, e.Broken(), e.Template)
		}
		fmt.Fprintf(&b, "%s %q in %q from line %d: %s\n", e.Kind, e.Name, e.Namespace, e.Origin.Line, state)
		for _, f := range e.Findings {
			fmt.Fprintln(&b, f)
			if f.Hint != "" {
				fmt.Fprintln(&b, "  hint:", f.Hint)
			}
			for line := range strings.SplitSeq(f.Excerpt, "\n") {
				if line != "" {
					fmt.Fprintln(&b, "  |", line)
				}
			}
		}
		if e.Template != nil {
			describeRendering(t, dir, e.Template, &b)
		}
	}
	return b.String()
}

// testInput is input.json.
type testInput struct {
	Parameters map[string]string
	Instance   string
	Index      int
	Native     bool
	App, Pod   map[string]any
	Namespace  struct {
		Labels, Annotations map[string]string
	}
	Cluster map[string]string
}

type testPod struct {
	namespace string
	object    map[string]any
}

func (p testPod) Name() string {
	metadata, _ := p.object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}
func (p testPod) Namespace() string               { return p.namespace }
func (p testPod) Object() (map[string]any, error) { return p.object, nil }
func (p testPod) Raw(fields []string) []byte      { return rawAt(p.object, fields) }

// testApp is a decoded container.
type testApp map[string]any

func (a testApp) Name() string                    { name, _ := a["name"].(string); return name }
func (a testApp) Object() (map[string]any, error) { return a, nil }
func (a testApp) Raw(fields []string) []byte      { return rawAt(map[string]any(a), fields) }

// rawAt returns the JSON of the value at a path; nil if there is none.
func rawAt(value any, fields []string) []byte {
	for _, field := range fields {
		object, _ := value.(map[string]any)
		if value = object[field]; value == nil {
			return nil
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // it came from JSON
	}
	return raw
}

func describeRendering(t *testing.T, dir string, tmpl *templates.Template, b *strings.Builder) {
	t.Helper()
	defaults, _ := check.Defaults(tmpl, nil)
	in := tmpl.SampleInput(defaults.Parameters)
	in.Native = true
	if data, err := os.ReadFile(filepath.Join(dir, "input.json")); err == nil {
		in = readInput(t, tmpl, data, b)
		if in == nil {
			return
		}
	}
	out, err := tmpl.Render(in)
	if err != nil {
		fmt.Fprintln(b, "render:", err)
		return
	}
	for _, part := range []struct {
		name   string
		object program.Object
	}{{"pod", out.Pod}, {"app", out.App.Fields}} {
		if part.object != nil {
			fmt.Fprintf(b, "%s: %s\n", part.name, part.object.AppendJSON(nil))
		}
	}
	for _, list := range []struct {
		name       string
		placements []program.Placement
	}{{"initContainers", out.InitContainers}, {"containers", out.Containers}, {"variables of app", out.App.Variables}} {
		var texts []string
		for _, p := range list.placements {
			text := fmt.Sprintf("{%q %q}", p.Name, p.Position)
			if p.Join.Side != program.NotJoined {
				text += fmt.Sprintf("%+q", p.Join)
			}
			texts = append(texts, text)
		}
		if len(texts) > 0 {
			fmt.Fprintf(b, "%s: %s\n", list.name, texts)
		}
	}
	for _, w := range out.Warnings {
		fmt.Fprintf(b, "warning: %s %q\n", w.Message, w.Parameter)
	}
}

func readInput(t *testing.T, tmpl *templates.Template, data []byte, b *strings.Builder) *templates.Input {
	t.Helper()
	var read testInput
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	parameters, faults := tmpl.Bind(func(name string) (string, bool) {
		text, ok := read.Parameters[name]
		return text, ok
	})
	for _, f := range faults {
		fmt.Fprintln(b, f.Error())
		if f.Fix != "" {
			fmt.Fprintln(b, "  fix:", f.Fix)
		}
	}
	if len(faults) > 0 {
		return nil
	}
	// Whole numbers are int64 in the objects that expressions read.
	whole := func(m map[string]any) map[string]any {
		if m == nil {
			return nil
		}
		raw, _ := json.Marshal(m)
		o, err := program.ObjectFromJSON(raw)
		if err != nil {
			t.Fatal(err)
		}
		return o.Map()
	}
	in := tmpl.SampleInput(parameters)
	in.Index, in.Native, in.Cluster = read.Index, read.Native, read.Cluster
	in.NamespaceLabels, in.NamespaceAnnotations = read.Namespace.Labels, read.Namespace.Annotations
	if read.Instance != "" {
		in.Instance = read.Instance
	}
	if read.App != nil {
		in.App = testApp(whole(read.App))
	}
	if read.Pod != nil {
		in.Pod = testPod{"default", whole(read.Pod)}
	}
	return in
}

func TestEveryReasonThatIsFoundIsInTheList(t *testing.T) {
	known := map[templates.FindingReason]bool{}
	last := templates.FindingReason("")
	for _, info := range templates.FindingReasons() {
		if info.Reason <= last {
			t.Errorf("%s is not sorted", info.Reason)
		}
		last = info.Reason
		known[info.Reason] = true
		if info.Text == "" || info.Cause == "" || info.Fix == "" {
			t.Errorf("%s is not explained", info.Reason)
		}
	}
	for _, dir := range caseDirs(t, "testdata/load") {
		data, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range Load(templates.SourceDirectory, "template.yaml", data) {
			for _, f := range e.Findings {
				if !known[f.Reason] {
					t.Errorf("%s: reason %s is not in the list", dir, f.Reason)
				}
				known[f.Reason] = true
			}
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("..", "builtin", "config-sync.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Load(templates.SourceBuiltIn, "config-sync.yaml", data)
	}
}
