package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	admission "k8s.io/api/admission/v1"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// neighbour installs another mutating webhook, served by this process, for the pods of one namespace with a
// label. The API server calls webhooks in the order of their names; the injector's is sidecar-injector.
func (p *place) neighbour(name string, label map[string]string, change func(*corev1.Pod)) {
	p.Helper()
	listener, err := withinNetwork(func() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") })
	p.must(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := answerWith(r.Body, change)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	p.must(server.Listener.Close())
	server.Listener = listener
	server.StartTLS()
	p.Cleanup(server.Close)

	configurations := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err = configurations.Create(p.Context(), &admissionregistration.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistration.MutatingWebhook{{
			Name: name + ".node.local", SideEffects: new(admissionregistration.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.namespace}},
			ObjectSelector:    &metav1.LabelSelector{MatchLabels: label},
			ClientConfig: admissionregistration.WebhookClientConfig{
				URL: new("https://" + listener.Addr().String()), CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistration.RuleWithOperations{{
				Operations: []admissionregistration.OperationType{admissionregistration.Create},
				Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}, metav1.CreateOptions{})
	p.must(err)
	p.Cleanup(func() {
		if err := configurations.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			p.Error(err)
		}
	})
	probe := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: label}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}}}
	p.until("the API server calls "+name, func(ctx context.Context) error {
		made, err := suite.client.CoreV1().Pods(p.namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && len(made.Spec.InitContainers) == 0 {
			err = errors.New("not yet")
		}
		return err
	})
}

// answerWith returns the answer to a review, with a patch of the pod's containers and volumes as modified by
// change.
func answerWith(body io.Reader, change func(*corev1.Pod)) ([]byte, error) {
	var review admission.AdmissionReview
	var pod corev1.Pod
	if err := json.NewDecoder(body).Decode(&review); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	change(&pod)
	patch, err := json.Marshal([]map[string]any{
		{"op": "add", "path": "/spec/initContainers", "value": pod.Spec.InitContainers},
		{"op": "add", "path": "/spec/containers", "value": pod.Spec.Containers},
	})
	if err != nil {
		return nil, err
	}
	review.Response = &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true, Patch: patch, PatchType: new(admission.PatchTypeJSONPatch)}
	review.Request = nil
	return json.Marshal(review)
}

// mesh returns a change that adds the same as Istio, with the same names: an init container that redirects
// the pod's connections, and a proxy that accepts them, as a native sidecar or as a regular container.
func mesh(native bool, excluded ...string) func(*corev1.Pod) {
	root, proxyUser := int64(0), int64(1337)
	begin := corev1.Container{Name: "istio-init", Image: meshImage, Args: append([]string{"init"}, excluded...),
		SecurityContext: &corev1.SecurityContext{RunAsUser: &root, Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}}}}
	proxy := corev1.Container{Name: "istio-proxy", Image: meshImage, Args: []string{"proxy"}, SecurityContext: &corev1.SecurityContext{RunAsUser: &proxyUser}}
	first := []corev1.Container{begin}
	if native {
		proxy.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		proxy.StartupProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 60, ProbeHandler: corev1.ProbeHandler{
			Exec: &corev1.ExecAction{Command: []string{"grep", "-q", ":3A99 ", "/proc/net/tcp"}}, // 15001
		}}
		first = append(first, proxy)
	}
	return func(pod *corev1.Pod) {
		if slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == begin.Name }) {
			return
		}
		pod.Spec.InitContainers = slices.Concat(first, pod.Spec.InitContainers)
		if !native {
			pod.Spec.Containers = append(pod.Spec.Containers, proxy)
		}
	}
}

// TestOurSidecarsWorkInAMesh uses a second injector that adds a proxy for all connections. It is called
// before the injector and after it, with a proxy that is a native sidecar and one that is not.
func TestOurSidecarsWorkInAMesh(t *testing.T) {
	t.Parallel()
	const log, health, sync = "app-sc-log-collector", "app-sc-health-check", "app-sc-data-sync"
	for name, c := range map[string]struct {
		webhook   string
		native    bool
		direction string
		want      []string // init containers
	}{
		"called before ours, native proxy":  {"a-mesh", true, "push", []string{log, health, "istio-init", "istio-proxy", sync}},
		"called after ours, native proxy":   {"z-mesh", true, "pull", []string{"istio-init", "istio-proxy", log, health, sync}},
		"called before ours, regular proxy": {"a-mesh", false, "pull", []string{log, health, sync, "istio-init"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "")
			store := p.store()
			p.in(store, "s3", "sh", "-c", "echo one > /data/bucket/pull/one")
			p.neighbour(c.webhook+"-"+p.namespace, map[string]string{"mesh": "yes"}, mesh(c.native))
			p.applyText(strings.NewReplacer("MESH", "yes", "DIRECTION", c.direction).Replace(read(t, "neighbours/app.yaml")))
			pod := p.ready("app=app")
			var got []string
			for _, container := range pod.Spec.InitContainers {
				got = append(got, container.Name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("init containers %v, want %v", got, c.want)
			}
			p.says("app", "istio-proxy", "outbound ")
			p.says("app", log, "at the start:")
			p.measured("http", "8080", "false", "probe_success 1")
			p.kubectl("get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/app:8080/proxy/", p.namespace))
			p.says("app", "istio-proxy", "inbound ")
			if c.direction == "pull" {
				p.says("app", "app", "at the start: one")
			} else if got := p.holds(store, "pull/first"); got != "first" {
				t.Errorf("the store holds %q", got)
			}
			for _, what := range p.amiss() {
				// Sidecars that start before the redirection cannot be probed until the proxy runs.
				if !strings.Contains(what, "Liveness probe failed") {
					t.Error(what)
				}
			}
			endings := p.stop("app")
			if c.direction == "push" {
				if got := p.holds(store, "pull/at-the-end"); got != "last" {
					t.Errorf("what was written last: %q", got)
				}
			}
			reportTimes(t, "data-sync in a mesh, "+name, pod, endings, sync)
		})
	}
}

// TestAProxyThatStartsAfterOursHasToLetTheirPortsPass checks what docs/workloads.md says of a mesh with a
// regular proxy whose init container runs before the injected sidecars: all connections of the pod fail until
// the app's containers start, which wait for the sidecars.
func TestAProxyThatStartsAfterOursHasToLetTheirPortsPass(t *testing.T) {
	t.Parallel()
	for name, excluded := range map[string][]string{
		"everything is redirected":                        nil,
		"but for the ports of the probes and the store's": {"--exclude-inbound=2020,8132", "--exclude-outbound=9001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "")
			store := p.store()
			p.in(store, "s3", "sh", "-c", "echo one > /data/bucket/pull/one")
			p.neighbour("z-mesh-"+p.namespace, map[string]string{"mesh": "yes"}, mesh(false, excluded...))
			p.applyText(strings.NewReplacer("MESH", "yes", "DIRECTION", "pull").Replace(read(t, "neighbours/app.yaml")))
			if excluded != nil {
				p.ready("app=app")
				p.says("app", "app", "at the start: one")
				return
			}
			p.described("app", "Startup probe failed", "connection refused")
			if pod, err := p.one(t.Context(), "app=app"); err != nil || statusOf(pod, "app").State.Running != nil {
				t.Errorf("the app runs without its data (%v)", err)
			}
		})
	}
}
