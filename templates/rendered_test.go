package templates

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

func TestContainersWithoutPlacementsAreTakenApart(t *testing.T) {
	r := &Rendered{Additions: program.Additions{Pod: program.Object{{Name: "spec", Value: program.Object{
		{Name: "initContainers", Value: []any{program.Object{{Name: "name", Value: "a"}}}},
		{Name: "containers", Value: []any{program.Object{{Name: "name", Value: "b"}}, "no container"}},
	}}}}}
	r.finish()
	if len(r.Parts.Init) != 1 || len(r.Parts.Regular) != 2 || r.Parts.Init[0].Name != "a" {
		t.Errorf("%+v", r.Parts)
	}
}
