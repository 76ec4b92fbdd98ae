package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the wanted files")

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
