package check_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

func TestWhatTheKubernetesOfATemplateLacksIsFoundWhereverItIsWritten(t *testing.T) {
	const sleep = ", lifecycle: {preStop: {sleep: {seconds: 1}}}"
	for _, row := range []struct {
		kubernetes, spec string
		want             []string
	}{
		{"1.29", pod(sleep, ""), []string{"warning: spec.pod.spec.containers[0].lifecycle.preStop.sleep"}},
		{"1.30", pod(sleep, ""), nil},
		{"", pod(sleep, ""), nil},
		// A condition that does not hold for the sample pod, an expression, an item made for each element.
		{"1.29", pod("", `, volumes: [{$when: '${"x" in pod.metadata.?labels.orValue({})}', name: v, image: {reference: "a:1"}}]`), []string{"error: spec.pod.spec.volumes[0].image"}},
		{"1.29", pod(`, livenessProbe: {httpGet: {port: 1, protocol: '${native ? "HTTP2" : "HTTP1"}'}}`, ""), []string{"warning: spec.pod.spec.containers[0].livenessProbe.httpGet.protocol"}},
		{"1.29", "app: {env: [{$each: '${pod.spec.containers}', name: '${each.name}', valueFrom: {fileKeyRef: {volumeName: v, path: a, key: b}}}]}, " + pod("", ", volumes: [{name: v, emptyDir: {}}]"),
			[]string{"error: spec.app.env[0].valueFrom.fileKeyRef"}},
		// What is dropped is dropped with all within it.
		{"1.29", pod(", restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [1]}}]", ""), []string{"warning: spec.pod.spec.containers[0].restartPolicyRules"}},
		{"1.35", pod(", restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [1]}}]", ""), []string{"warning: spec.pod.spec.containers[0].restartPolicyRules[0].action"}},
		{"1.29", pod("", `, tolerations: [{key: a, operator: Lt, value: "1"}]`), []string{"error: spec.pod.spec.tolerations[0].operator"}},
		// Values that depend on cluster.NAME are not reported.
		{"1.29", pod(`, lifecycle: {$when: '${cluster.?new.orValue("") == "true"}', preStop: {sleep: {seconds: 1}}}`, ""), nil},
		{"1.29", pod(`, lifecycle: {stopSignal: '${optional.ofNonZeroValue(cluster.?signal.orValue(""))}'}`, ""), nil},
	} {
		var kubernetes *version.Version
		if row.kubernetes != "" {
			kubernetes = version.MustParseGeneric(row.kubernetes)
		}
		entries := load.NewLoader().For(kubernetes).Load(templates.SourceDirectory, "a.yaml",
			[]byte("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: a}\nspec: {"+row.spec+"}\n"))
		var got []string
		for _, f := range entries[0].Findings {
			got = append(got, fmt.Sprintf("%s: %s", f.Severity, f.Path))
			if f.Reason != templates.NewerKubernetes || f.Line == 0 {
				t.Errorf("%s: %s", row.spec, f)
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s on %q (-want +got):\n%s", row.spec, row.kubernetes, diff)
		}
	}
}
