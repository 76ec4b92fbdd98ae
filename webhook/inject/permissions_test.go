package inject_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const needyTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: needy}
spec:
  parameters: [{name: what, type: string, required: true}]
  pod: {spec: {containers: [{name: "needy-${instance}-${index}", image: "example.com/needy:1", resources: {requests: {cpu: 1m, memory: 1Mi}}}]}}
  permissions: [{apiGroups: [""], resources: ["${params.what}"], verbs: [get], resourceNames: ["${app.name}-${instance}-${index}"]}]
`

func TestPermissionsAreToldToWhoeverAsksAndDecideNothing(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(needyTemplate)))
	pod := []byte(`{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":{"sidecar-injector.dev/inject":"a=needy,b=needy",` +
		`"a.sidecar-injector.dev/what":"pods","b.sidecar-injector.dev/what":"secrets"}},"spec":{"containers":[{"name":"app","image":"app"}]}}`)
	decide := func(pod []byte, permissions bool) *inject.Result {
		t.Helper()
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, Permissions: permissions})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	patched := apply(t, pod, decide(pod, false))
	for what, pod := range map[string][]byte{"a new pod": pod, "an injected one": patched} {
		asked, unasked := decide(pod, true), decide(pod, false)
		var got []string
		for i := range asked.Instances {
			for _, p := range asked.Instances[i].Permissions {
				got = append(got, p.String())
			}
		}
		if diff := cmp.Diff([]string{"get pods named app-a-0", "get secrets named app-b-1"}, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if diff := cmp.Diff(unasked, asked, cmpopts.IgnoreFields(inject.Instance{}, "Permissions", "Template"), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("%s: to be asked changes the answer: %s", what, diff)
		}
	}
}
