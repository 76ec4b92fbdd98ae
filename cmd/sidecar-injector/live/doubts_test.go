package live

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// askingPod returns a pod that requests a template; with a revision, it has its sidecar.
func askingPod(template, revision string) []byte {
	status, container := "", ""
	if revision != "" {
		status = fmt.Sprintf(`,"sidecar-injector.dev/status":"{\"%s\":{\"template\":\"ClusterSidecarTemplate/%s\",\"revision\":\"%s\",\"containers\":[\"side\"]}}"`, template, template, revision)
		container = `,{"name":"side","image":"side"}`
	}
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"sidecar-injector.dev/inject":"%s"%s}},
		"spec":{"containers":[{"name":"app","image":"app"}%s]}}`, template, status, container)
}

func TestWhatCannotBeReadIsUnknownAndNotRefused(t *testing.T) {
	broken := templates.Entry{
		Kind: v1alpha1.ClusterSidecarTemplateKind, Name: "side", Origin: templates.Origin{Source: templates.SourceCluster},
		Findings: []templates.Finding{{Severity: templates.SeverityError, Message: "wrong"}},
	}
	set := templates.NewSet([]templates.Entry{broken})
	namespace := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}
	inForce := &Reader{}
	inForce.remember(&unstructured.Unstructured{Object: map[string]any{
		"kind": v1alpha1.ClusterSidecarTemplateKind, "metadata": map[string]any{"name": "side"}, "status": map[string]any{"revision": "abc"},
	}})
	for name, test := range map[string]struct {
		reader             *Reader
		template, revision string
		want               fleet.State
	}{
		"broken, and nothing in force":           {&Reader{}, "side", "", fleet.Blocked},
		"broken, a version in force, no sidecar": {inForce, "side", "", fleet.Unknown},
		"the version in force":                   {inForce, "side", "abc", fleet.Current},
		"another than the one in force":          {inForce, "side", "old", fleet.Unknown},
		"no such template, all read":             {inForce, "other", "", fleet.Blocked},
		"templates not read":                     {&Reader{unread: true}, "other", "", fleet.Unknown},
		"templates not read, sidecar there":      {&Reader{unread: true}, "other", "abc", fleet.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			today := &fleet.Today{Set: set, Settings: config.Default().Settings(), Doubt: func(namespace, template string) (string, string) {
				return test.reader.Doubt(set, namespace, template)
			}}
			s, err := today.Judge(namespace, askingPod(test.template, test.revision))
			if err != nil {
				t.Fatal(err)
			}
			if state, _ := s.Worst(); state != test.want {
				t.Errorf("the state is %v, want %v: %+v", state, test.want, s.Instances)
			}
		})
	}
}
