package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCheckForgetsWhatWasMendedWhileItWaits: settings that had a fault in the first round made it unknown what
// pods would get, and have none in the second.
func TestCheckForgetsWhatWasMendedWhileItWaits(t *testing.T) {
	t.Parallel()
	list := func(kind, version, items string) http.HandlerFunc {
		return answering(200, "application/json", fmt.Sprintf(`{"kind":%q,"apiVersion":%q,"metadata":{},"items":[%s]}`, kind, version, items))
	}
	mended := time.Now().Add(time.Second)
	const configuration = `{"metadata":{"name":"injector"},"webhooks":[{"name":"pods.sidecar-injector.dev","clientConfig":{"service":{"name":"injector","namespace":"system"}}}]}`
	kubeconfig := inFront(t, smallCluster(t, nil, nil), map[string]http.HandlerFunc{
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": list("MutatingWebhookConfigurationList", "admissionregistration.k8s.io/v1", configuration),
		"/apis/sidecar-injector.dev/v1alpha1/clustersidecartemplates":         list("ClusterSidecarTemplateList", "sidecar-injector.dev/v1alpha1", ""),
		"/apis/sidecar-injector.dev/v1alpha1/sidecartemplates":                list("SidecarTemplateList", "sidecar-injector.dev/v1alpha1", ""),
		"/api/v1/namespaces": list("PartialObjectMetadataList", "meta.k8s.io/v1", `{"metadata":{"name":"shop","labels":{"sidecar-injector.dev/injection":"enabled"}}}`),
		"/api/v1/pods": list("PodList", "v1", `{"metadata":{"name":"web-1","namespace":"shop","annotations":{"sidecar-injector.dev/inject":"log-collector"}},
			"spec":{"containers":[{"name":"app","image":"app"}]},"status":{"phase":"Running"}}`),
		"/api/v1/namespaces/system/configmaps/injector-templates": failing(404, "NotFound", "not found"),
		"/api/v1/namespaces/system/configmaps/injector": func(w http.ResponseWriter, r *http.Request) {
			text := "native: perhaps"
			if time.Now().After(mended) {
				text = "{}"
			}
			answering(200, "application/json", fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"injector","namespace":"system"},"data":{"config.yaml":%q}}`, text))(w, r)
		},
	})
	var out, complaints bytes.Buffer
	run([]string{"sidecar-injector", "check", "--wait", "6s", "-o", "short", "--color", "never", "--kubeconfig", kubeconfig}, streams{Out: &out, ErrOut: &complaints})
	if got := out.String(); !strings.Contains(got, "pods-missed: 1 pod lacks a sidecar that it asks for: pod/web-1 in shop") || strings.Contains(got, "settings: the settings in ConfigMap") {
		t.Errorf("it says\n%s%s", got, &complaints)
	}
}
