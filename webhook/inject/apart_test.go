package inject_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// A sidecar that reads a volume may not be able to read what the app writes there. The app writes nothing into
// a volume that is read-only by its type.
func TestOnlyAVolumeThatTheAppWritesKeepsASidecarApart(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "reader.yaml", []byte(`{apiVersion: sidecar-injector.dev/v1alpha1, kind: ClusterSidecarTemplate, metadata: {name: reader},
		spec: {pod: {spec: {initContainers: [{name: reader, image: "reader:1", restartPolicy: Always}]}}}}`)))
	for volume, apart := range map[string]bool{
		`"emptyDir":{}`: true,
		`"persistentVolumeClaim":{"claimName":"x"}`: true,
		`"configMap":{"name":"x"}`:                  false,
		`"secret":{"secretName":"x"}`:               false,
		`"projected":{"sources":[]}`:                false,
		`"downwardAPI":{"items":[]}`:                false,
		`"image":{"reference":"x"}`:                 false,
	} {
		pod := `{"metadata":{"name":"web","annotations":{"sidecar-injector.dev/inject":"reader","sidecar-injector.dev/status":"{\"reader\":{\"template\":\"ClusterSidecarTemplate/reader\",\"revision\":\"a\",\"sidecars\":[\"app-sc-reader\"]}}"}},
			"spec":{"volumes":[{"name":"data",` + volume + `}],
			"containers":[{"name":"app","image":"app","volumeMounts":[{"name":"data","mountPath":"/data"}]}],
			"initContainers":[{"name":"app-sc-reader","image":"reader:1","restartPolicy":"Always","securityContext":{"runAsUser":65532},"volumeMounts":[{"name":"data","mountPath":"/data","readOnly":true}]}]}}`
		namespace := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}
		result, err := inject.Inject(set, config.Default().Settings(), &inject.Request{Pod: []byte(pod), Namespace: namespace, Permissions: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Instances) != 1 || result.Instances[0].Outcome != inject.Unchanged {
			t.Fatalf("%s: %+v", volume, result.Instances)
		}
		told := strings.Join(result.Instances[0].Apart, "\n")
		if strings.Contains(told, "container app-sc-reader runs as user 65532") != apart {
			t.Errorf("%s: told is %q", volume, told)
		}
	}
}
