package inject_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const anyFieldTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: open}
spec:
  overrides: [lifecycle, env]
  pod: {spec: {initContainers: [{name: "${instance}", image: "example.com/open:1", restartPolicy: Always, resources: {requests: {cpu: 1m, memory: 1Mi}}}], volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]}}
`

func TestAnOverrideWithWhatTheClusterLacksIsToldAndAFaultWhereThePodWouldBeRefused(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(anyFieldTemplate)))
	const place = `metadata.annotations["open.sidecar-injector.dev/override"]: `
	for _, row := range []struct {
		kubernetes, override, warning, fault string
	}{
		{"1.29", "lifecycle: {stopSignal: SIGINT}", "lifecycle.stopSignal: Kubernetes 1.29 drops stopSignal (1.33 has it with the feature gate ContainerStopSignals, no release by default)", ""},
		{"1.29", "env: [{name: A, value: b}, {name: C, valueFrom: {fileKeyRef: {volumeName: v, path: a, key: K}}}]", "",
			"env[1].valueFrom.fileKeyRef: Kubernetes 1.29 drops fileKeyRef and refuses the pod for what is left (1.35 has it, and 1.34 with the feature gate EnvFiles)"},
		{"1.34", "env: [{name: C, valueFrom: {fileKeyRef: {volumeName: v, path: a, key: K}}}]",
			"env[0].valueFrom.fileKeyRef: Kubernetes 1.34 drops fileKeyRef and refuses the pod for what is left, unless its feature gate EnvFiles is on (1.35 has it)", ""},
		{"1.35", "env: [{name: C, valueFrom: {fileKeyRef: {volumeName: v, path: a, key: K}}}]", "", ""},
		{"", "lifecycle: {stopSignal: SIGINT}", "", ""},
	} {
		annotations, err := json.Marshal(map[string]string{"sidecar-injector.dev/inject": "open", "open.sidecar-injector.dev/override": row.override})
		if err != nil {
			t.Fatal(err)
		}
		settings := &inject.Settings{}
		if row.kubernetes != "" {
			settings.Kubernetes = version.MustParseGeneric(row.kubernetes)
		}
		result, err := inject.Inject(set, settings, &inject.Request{Pod: []byte(`{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":` + string(annotations) + `},"spec":{"os":{"name":"linux"},"containers":[{"name":"app","image":"app"}]}}`)})
		if err != nil {
			t.Fatal(err)
		}
		var faults []string
		for _, f := range result.Faults {
			faults = append(faults, f.String())
		}
		if want := placed(place, row.fault); cmp.Diff(want, faults) != "" {
			t.Errorf("%s: faults %q, want %q", row.override, faults, want)
		}
		warned := strings.Join(result.Warnings, "\n")
		if want := strings.Join(placed(place, row.warning), ""); !strings.HasPrefix(want, strings.TrimSuffix(warned, "…")) || (want == "") != (warned == "") {
			t.Errorf("%s: warnings %q, want %q", row.override, warned, want)
		}
	}
}

// placed returns a text after its place, "" if there is no text.
func placed(place, text string) []string {
	if text == "" {
		return nil
	}
	return []string{place + text}
}
