package source_test

import (
	"slices"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// TestBuiltInTemplatesDeserveTheTrust checks what the source does not: that nothing is wrong with them.
func TestBuiltInTemplatesDeserveTheTrust(t *testing.T) {
	trusted, err := source.NewBuiltIn().Read()
	must(t, err)
	if len(trusted) == 0 {
		t.Fatal("there are none")
	}
	for _, e := range trusted {
		data, err := builtin.FS.ReadFile(e.Origin.File)
		must(t, err)
		checked := load.Load(templates.SourceBuiltIn, e.Origin.File, data)
		i := slices.IndexFunc(checked, func(c templates.Entry) bool { return c.Name == e.Name })
		if i < 0 || len(checked[i].Findings) > 0 || checked[i].Template == nil {
			t.Errorf("%s, checked: %+v", e.Name, checked)
		} else if e.Template.Revision != checked[i].Template.Revision {
			t.Errorf("%s has revision %s, checked %s", e.Name, e.Template.Revision, checked[i].Template.Revision)
		}
	}
}
