package templates_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// TestALabelIsWhatKubernetesTakes compares IsLabel with Kubernetes' own check, for all texts of up to three
// characters of which one decides, and for those at the bounds of the length.
func TestALabelIsWhatKubernetesTakes(t *testing.T) {
	names := []string{"", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 62) + "-", "é", "a\xff", "a.b", "a\n"}
	characters := []string{"", "a", "z", "0", "9", "-", "A", "_", "`", "{", "/", ":", "\x00", "ä"}
	for _, first := range characters {
		for _, second := range characters {
			for _, third := range characters {
				names = append(names, first+second+third)
			}
		}
	}
	for _, name := range names {
		if got, want := templates.IsLabel(name), len(validation.IsDNS1123Label(name)) == 0; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
