package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// TestAResourceIsLoadedAsItsFileIs converts every document of testdata/load to JSON, as an API server sends
// it.
func TestAResourceIsLoadedAsItsFileIs(t *testing.T) {
	loader := NewLoader()
	compared := 0
	for _, dir := range caseDirs(t, "testdata/load") {
		data, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := manifest.Parse("", data)
		if err != nil {
			continue // cannot exist in an API server
		}
		for _, document := range stream.Documents {
			root := document.Root
			name := valueAt(valueAt(root, "metadata"), "name")
			if root == nil || name == nil || name.Tag != "!!str" || valueAt(root, "items") != nil {
				continue
			}
			object := manifest.JSON(root)
			// An API server parses numbers and writes them again, with keys sorted.
			file := loader.Load(templates.SourceCluster, "", object)
			if len(file) != 1 || slices.ContainsFunc(file[0].Findings, func(f templates.Finding) bool { return strings.HasPrefix(f.Path, "metadata.") }) {
				continue // refused by an API server itself
			}
			content, err := ResourceContent(object)
			if err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
			got := loader.LoadResource(Resource{Kind: file[0].Kind, Namespace: file[0].Namespace, Name: file[0].Name, Content: content})
			if diff := cmp.Diff(file[0].Findings, got.Findings); diff != "" {
				t.Errorf("%s: template %s (-file +resource):\n%s", dir, name.Value, diff)
			}
			if want, got := revisionOf(file[0]), revisionOf(got); want != got {
				t.Errorf("%s: template %s: revision %s as a file, %s as a resource", dir, name.Value, want, got)
			}
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("only %d templates were compared", compared)
	}
}

func revisionOf(e templates.Entry) string {
	if e.Template == nil {
		return ""
	}
	return e.Template.Revision
}

func TestResourceContentIsWhatTheAuthorWrote(t *testing.T) {
	const object = `{"kind": "SidecarTemplate", "metadata": {"name": "a", "managedFields": [{"manager": "x"}]}, "status": {"revision": "1"},
		"spec": {"order": 1}, "apiVersion": "v", "extra": [1, 2]}`
	got, err := ResourceContent([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"spec":{"order": 1},"apiVersion":"v","extra":[1, 2],"kind":"SidecarTemplate"}`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := ResourceContent([]byte(`[]`)); err == nil {
		t.Error("a list is no resource")
	}
}

func TestLoadResourceLeavesContentAlone(t *testing.T) {
	content := []byte(`{"spec":{"pod":{}},"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"SidecarTemplate"}and more`)
	resource := Resource{Kind: "SidecarTemplate", Namespace: "n", Name: "a", Content: content[:len(content)-len("and more")]}
	NewLoader().LoadResource(resource)
	if !strings.HasSuffix(string(content), "}and more") {
		t.Errorf("content was overwritten: %s", content)
	}
}

func TestCopiesOfAResourceShareWhatTheyAreCompiledInto(t *testing.T) {
	loader := NewLoader()
	const kind = "SidecarTemplate"
	content := []byte(`{"spec":{"pod":{"metadata":{"labels":{"a":"${pod.metadata.namespace}"}}}},"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"SidecarTemplate"}`)
	one := loader.LoadResource(Resource{Kind: kind, Namespace: "aaa", Name: "one", Content: content})
	two := loader.LoadResource(Resource{Kind: kind, Namespace: "bbb", Name: "two", Content: content})
	if one.Broken() || one.Template.Program() != two.Template.Program() {
		t.Fatalf("two programs of one content, findings %v", one.Findings)
	}
	if got := two.Template; got.Name != "two" || got.Namespace != "bbb" || got.Kind != kind || got.Origin.Source != templates.SourceCluster {
		t.Errorf("the copy is %s %s/%s from %s", got.Kind, got.Namespace, got.Name, got.Origin.Source)
	}
	if bad := loader.LoadResource(Resource{Kind: kind, Namespace: "bbb", Name: "-wo", Content: content}); !bad.Broken() {
		t.Error("a copy under a name that is none is good")
	}
}

func TestAResourceOfFarTooManyValuesIsNotParsed(t *testing.T) {
	for text, want := range map[string]int{
		`0`: 1, `[]`: 1, `{}`: 1, `[1, true ,null]`: 4, `{"a":{"b":[-1.5e3,"x:y,[]{}\\\"","\\"]},"c":{}}`: 7, `[[],[[]],{"":""}]`: 6,
	} {
		if got := valuesOf([]byte(text)); got != want {
			t.Errorf("%s: %d values, want %d", text, got, want)
		}
	}
	entry := NewLoader().LoadResource(Resource{Kind: "ClusterSidecarTemplate", Name: "a",
		Content: []byte(`{"spec":{"pod":{"spec":{"containers":[{"args":[0` + strings.Repeat(",0", 1<<20) + `]}]}}}}`)})
	const want = "error: spec: the template has 1048584 values, at most 50000 are allowed [TooLarge]"
	if len(entry.Findings) != 1 || entry.Findings[0].String() != want || entry.Template != nil {
		t.Errorf("got %v, want %s", entry.Findings, want)
	}
}
