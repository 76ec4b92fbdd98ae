package edit

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

var update = flag.Bool("update", false, "rewrite the wanted files")

// rawOperation is an operation in ops.json.
type rawOperation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// cases returns the folders below testdata, one per case.
func cases(t *testing.T, kind string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", kind))
	if err != nil || len(entries) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// compareFile compares a result with a case's expected file, or rewrites the file.
func compareFile(t *testing.T, got []byte, parts ...string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join(parts...), got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(readFile(t, parts...)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Join(parts...), diff)
	}
}

func TestEditKeepsItsPromises(t *testing.T) {
	for _, name := range cases(t, "edit") {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", "edit", name)
			patch := readFile(t, dir, "ops.json")
			var raw []rawOperation
			if err := json.Unmarshal(patch, &raw); err != nil {
				t.Fatal(err)
			}
			var operations []Operation
			for _, op := range raw {
				operations = append(operations, Operation{Path: op.Path, Value: op.Value})
			}
			stream, err := manifest.Parse("in.yaml", readFile(t, dir, "in.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			doc := stream.Documents[0]
			got, err := Apply(doc, operations)
			if err != nil {
				t.Fatal(err)
			}
			compareFile(t, got, dir, "want.yaml")
			comparePatched(t, doc, got, patch)
		})
	}
}

// comparePatched checks that an edited text has the same value as the document patched by another
// implementation of RFC 6902.
func comparePatched(t *testing.T, doc *manifest.Document, text, patch []byte) {
	t.Helper()
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	want, err := decoded.Apply(doc.JSON())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := manifest.Parse("got.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(anyOf(t, want), anyOf(t, stream.Documents[0].JSON())); diff != "" {
		t.Fatalf("edited document differs from the patched one (-want +got):\n%s\nof:\n%s", diff, text)
	}
}

func anyOf(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("JSON %q: %v", data, err)
	}
	return v
}

func TestByteOrderMarksSurviveAnEdit(t *testing.T) {
	const m = "\ufeff"
	stream, err := manifest.Parse("f", []byte("a: 1\n"+m+"---\n# c\n"+m+"b: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Apply(stream.Documents[1], []Operation{{Path: "/c", Value: []byte(`{"d":3}`)}})
	if want := m + "---\n# c\n" + m + "b: 2\nc:\n  d: 3\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}
