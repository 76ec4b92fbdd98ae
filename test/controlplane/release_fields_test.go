//go:build controlplane

package controlplane

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/release"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// release returns the version of the API server.
func (p *plane) release() *version.Version { return version.MustParseGeneric(p.version) }

// TestTheTableOfFieldsSaysWhatTheAPIServerDoes creates a pod with each field, and checks whether the stored
// pod has it.
func TestTheTableOfFieldsSaysWhatTheAPIServerDoes(t *testing.T) {
	t.Parallel()
	namespace := uncalledNamespace(t)
	for _, c := range []struct {
		typeName, name, value string
		spec                  string // of the pod, beside its containers where it has none
		kept                  string // a part of the stored pod, as one line of YAML
	}{
		{"core/v1.Container", "resizePolicy", "", app(`resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]`), "resizePolicy"},
		{"core/v1.Container", "restartPolicy", "OnFailure", app(`restartPolicy: OnFailure`), "restartPolicy: OnFailure"},
		{"core/v1.ContainerRestartRule", "action", "RestartAllContainers", app(`restartPolicy: Never, restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [42]}}]`), "action: RestartAllContainers"},
		{"core/v1.EnvVarSource", "fileKeyRef", "", app(`env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a, key: A}}}]`) + `, volumes: [{name: v, emptyDir: {}}]`, "fileKeyRef"},
		{"core/v1.EmptyDirVolumeSource", "mode", "", app("") + `, volumes: [{name: v, emptyDir: {mode: 448}}]`, "mode: 448"},
		{"core/v1.GRPCAction", "mode", "", app(`livenessProbe: {grpc: {port: 1, mode: TLS}}`), "mode: TLS"},
		{"core/v1.HTTPGetAction", "protocol", "", app(`livenessProbe: {httpGet: {port: 1, protocol: HTTP2}}`), "protocol: HTTP2"},
		{"core/v1.Lifecycle", "stopSignal", "", app(`lifecycle: {stopSignal: SIGINT}`) + `, os: {name: linux}`, "stopSignal"},
		{"core/v1.LifecycleHandler", "sleep", "", app(`lifecycle: {preStop: {sleep: {seconds: 1}}}`), "sleep"},
		{"core/v1.SecretVolumeSource", "defaultUser", "", app("") + `, volumes: [{name: v, secret: {secretName: s, defaultUser: 1000}}]`, "defaultUser"},
		{"core/v1.SecurityContext", "appArmorProfile", "", app(`securityContext: {appArmorProfile: {type: RuntimeDefault}}`), "appArmorProfile"},
		{"core/v1.Toleration", "operator", "Gt", app("") + `, tolerations: [{key: a, operator: Gt, value: "3", effect: NoSchedule}]`, "operator: Gt"},
		{"core/v1.VolumeMount", "recursiveReadOnly", "", app(`volumeMounts: [{name: v, mountPath: /v, readOnly: true, recursiveReadOnly: Enabled}]`) + `, volumes: [{name: v, emptyDir: {}}]`, "recursiveReadOnly"},
		{"core/v1.VolumeMount", "bindMountOptions", "", app(`volumeMounts: [{name: v, mountPath: /v, bindMountOptions: [noexec]}]`) + `, volumes: [{name: v, emptyDir: {}}]`, "bindMountOptions"},
		{"core/v1.VolumeProjection", "clusterTrustBundle", "", app("") + `, volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {name: roots, path: ca.pem}}]}}]`, "clusterTrustBundle"},
		{"core/v1.VolumeProjection", "podCertificate", "", app("") + `, volumes: [{name: v, projected: {sources: [{podCertificate: {signerName: example.com/signer, keyType: ED25519, credentialBundlePath: bundle.pem}}]}}]`, "podCertificate"},
		{"core/v1.Volume", "image", "", app("") + `, volumes: [{name: v, image: {reference: "registry.example.com/data:1"}}]`, "reference"},
	} {
		text, err := yaml.YAMLToJSON([]byte(`{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {automountServiceAccountToken: false, ` + c.spec + `}}`))
		must(t, err)
		got, err := create(t.Context(), namespace, "Pod", text, "dryRun=All")
		stored, failed := yaml.Marshal(got.object["spec"])
		must(t, failed)
		there := err == nil && strings.Contains(string(stored), c.kept)
		lacking, lacks := release.Find(suite.release(), c.typeName, c.name, c.value)
		want := "kept"
		if lacks {
			want = lacking.Text(suite.release())
		}
		right := there
		switch {
		case strings.Contains(want, "refuses"):
			right = err != nil
		case strings.Contains(want, "emptyDir"):
			right = err == nil && !there && strings.Contains(string(stored), "emptyDir: {}")
		case lacks:
			right = err == nil && !there
		}
		if !right {
			t.Errorf("%s.%s %s: the table says %q, the API server: %v\n%s", c.typeName, c.name, c.value, want, err, stored)
		}
		suite.report("%s.%s %s: %s", c.typeName, c.name, c.value, want)
	}
}

// app returns a container of the app with additional fields.
func app(fields string) string {
	return `containers: [{name: app, image: app, resources: {requests: {cpu: 1m, memory: 1Mi}}, ` + fields + `}]`
}

// TestWhoAppliesATemplateHearsWhatTheAPIServerDoesNotHave uses a field that is behind a feature gate in all
// versions that have it, and one with which the oldest version refuses the pod.
func TestWhoAppliesATemplateHearsWhatTheAPIServerDoesNotHave(t *testing.T) {
	installCRDs(t)
	reviewed(t, startInjector(t))
	template := func(container object) writtenTemplate {
		o := sidecarTemplate("", "extra", "example.com/one:1")
		spec := o.Object["spec"].(object)["pod"].(object)["spec"].(object)
		for name, value := range container {
			spec["initContainers"].([]any)[0].(object)[name] = value
		}
		spec["volumes"] = []any{object{"name": "v", "emptyDir": object{"sizeLimit": "1Mi"}}}
		text, err := o.MarshalJSON()
		must(t, err)
		return writtenTemplate{kind: v1alpha1.ClusterSidecarTemplateKind, name: "extra", object: text}
	}
	behind := template(object{"livenessProbe": object{"httpGet": object{"port": 80, "protocol": "HTTP2"}}})
	got, err := behind.send(t.Context())
	must(t, err)
	lacking, _ := release.Find(suite.release(), "core/v1.HTTPGetAction", "protocol", "HTTP2")
	want := []string{"spec.pod.spec.initContainers[0].livenessProbe.httpGet.protocol: " + lacking.Text(suite.release()) + " (" + lacking.Hint(suite.release()) + ")"}
	if diff := cmp.Diff(want, got.warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	must(t, templatesOf(t, v1alpha1.ClusterSidecarTemplates, "").Delete(t.Context(), "extra", metav1.DeleteOptions{}))
	refused := template(object{"env": []any{object{"name": "A", "valueFrom": object{"fileKeyRef": object{"volumeName": "v", "path": "a", "key": "A"}}}}})
	_, err = refused.send(t.Context(), "dryRun=All")
	if old := suite.release().LessThan(version.MajorMinor(1, 34)); old != (err != nil && strings.Contains(err.Error(), "drops fileKeyRef and refuses the pod")) {
		t.Errorf("fileKeyRef on %s: %v", suite.version, err)
	}
}
