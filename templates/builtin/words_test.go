package builtin_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// TestPatternsAreToldInWords gives every parameter that has a pattern a text that no pattern takes.
func TestPatternsAreToldInWords(t *testing.T) {
	files, err := fs.Glob(builtin.FS, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := builtin.FS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range load.Load(templates.SourceBuiltIn, file, data) {
			for _, p := range entry.Template.Spec.Parameters {
				_, faults := entry.Template.Bind(func(name string) (string, bool) { return "§$", name == p.Name && p.Pattern != "" })
				for _, f := range faults {
					if strings.Contains(f.Message, "matches") || f.Fix == "" {
						t.Errorf("%s: %s (%s)", entry.Name, f.Error(), f.Fix)
					}
				}
			}
		}
	}
}
