package live

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// askingPod returns a pod that requests a template; with a revision, it has its sidecar.
func askingPod(t *testing.T, template, revision string) *Pod {
	t.Helper()
	status, container := "", ""
	if revision != "" {
		status = fmt.Sprintf(`,"sidecar-injector.dev/status":"{\"%s\":{\"template\":\"ClusterSidecarTemplate/%s\",\"revision\":\"%s\",\"containers\":[\"side\"]}}"`, template, template, revision)
		container = `,{"name":"side","image":"side"}`
	}
	pod, err := ReadPod([]byte(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"sidecar-injector.dev/inject":"%s"%s}},
		"spec":{"containers":[{"name":"app","image":"app"}%s]}}`, template, status, container)))
	if err != nil {
		t.Fatal(err)
	}
	return &pod
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
		want               State
	}{
		"broken, and nothing in force":           {&Reader{}, "side", "", Refused},
		"broken, a version in force, no sidecar": {inForce, "side", "", Unknown},
		"the version in force":                   {inForce, "side", "abc", Current},
		"another than the one in force":          {inForce, "side", "old", Outdated},
		"no such template, all read":             {inForce, "other", "", Refused},
		"templates not read":                     {&Reader{unread: true}, "other", "", Unknown},
		"templates not read, sidecar there":      {&Reader{unread: true}, "other", "abc", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := test.reader.Stand(set, config.Default().Settings(), namespace, askingPod(t, test.template, test.revision))
			if err != nil {
				t.Fatal(err)
			}
			if s.State != test.want {
				t.Errorf("the state is %v, want %v: %+v", s.State, test.want, s.Instances)
			}
		})
	}
}
