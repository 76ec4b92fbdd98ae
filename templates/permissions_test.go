package templates_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

const needy = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: needy}
spec:
  parameters:
  - {name: secrets, type: boolean, default: false}
  - {name: namespaces, type: list<string>}
  pod: {spec: {containers: [{name: "needy-${instance}", image: example.com/needy:1, resources: {requests: {cpu: 1m, memory: 1Mi}}}]}}
  permissions:
  - apiGroups: ["", apps]
    resources: [configmaps]
    resourceNames: ["conf-${instance}"]
    verbs: [get, list]
    namespaces: '${params.namespaces}'
  - {$when: "${params.secrets}", apiGroups: [""], resources: [secrets], verbs: [watch]}
`

func TestPermissionsFollowTheInstance(t *testing.T) {
	template := loadText(t, needy)
	cases := map[string]struct {
		given map[string]string
		want  []string
	}{
		"the defaults": {nil, []string{"get, list configmaps, configmaps.apps named conf-a"}},
		"in other namespaces, and one that $when let in": {
			map[string]string{"secrets": "true", "namespaces": "x,y"},
			[]string{"get, list configmaps, configmaps.apps named conf-a in namespace x, y", "watch secrets"},
		},
		"everywhere": {map[string]string{"namespaces": "*"}, []string{"get, list configmaps, configmaps.apps named conf-a in all namespaces"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			values, faults := template.Bind(func(name string) (string, bool) { text, ok := c.given[name]; return text, ok })
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			permissions, _, err := template.Permissions(&templates.Input{Parameters: values, Instance: "a"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range permissions {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPermissionsDoNotCountInTheRevision(t *testing.T) {
	text, _, _ := strings.Cut(needy, "  permissions:")
	with, without := loadText(t, needy), loadText(t, text)
	if with.Revision != without.Revision {
		t.Errorf("revision %s with, %s without", with.Revision, without.Revision)
	}
}

// loadText loads one sound template.
func loadText(t *testing.T, text string) *templates.Template {
	t.Helper()
	entry := load.Load(templates.SourceDirectory, "template.yaml", []byte(text))[0]
	if entry.Template == nil {
		t.Fatal(entry.Findings)
	}
	return entry.Template
}
