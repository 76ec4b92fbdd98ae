//go:build controlplane

package controlplane

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The annotations that the tests of rules use, and the container that a request adds.
const (
	requestAnnotation = "sidecar-injector.dev/inject"
	statusAnnotation  = "sidecar-injector.dev/status"
	side              = "side"
)

// installed runs an injector with the template side and the chart's own webhook configuration.
func installed(t *testing.T) *injector {
	t.Helper()
	i := startInjector(t, "--template-dir", "testdata/templates")
	install(t, webhookConfiguration(t, i.url, i.ca))
	return i
}

// appPod returns a pod that requests the template side.
func appPod(name string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{requestAnnotation: side}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/app:1.0.0"}}},
	}
}

// containerNames returns the names in one of a stored pod's lists of containers.
func containerNames(pod object, list string) []string {
	var names []string
	containers, _ := pod["spec"].(object)[list].([]any)
	for _, c := range containers {
		names = append(names, c.(object)["name"].(string))
	}
	return names
}

// container returns a container of a stored pod from either list.
func container(t *testing.T, pod object, name string) object {
	t.Helper()
	for _, list := range []string{"initContainers", "containers"} {
		if at := slices.Index(containerNames(pod, list), name); at >= 0 {
			return pod["spec"].(object)[list].([]any)[at].(object)
		}
	}
	t.Fatalf("the stored pod has no container %q", name)
	return nil
}

// injected reports whether a stored pod has the sidecar.
func injected(pod object) bool {
	return slices.Contains(containerNames(pod, "initContainers"), side)
}

func TestTheLabelsOfNamespaceAndPodDecideTogether(t *testing.T) {
	t.Parallel()
	const other = "yes"
	cases := map[string]struct {
		namespace, pod string
		sent, injected bool
	}{
		"neither":                               {"", "", false, false},
		"namespace enabled":                     {"enabled", "", true, true},
		"namespace disabled":                    {"disabled", "", false, false},
		"namespace with another value":          {other, "", true, false},
		"pod enabled":                           {"", "enabled", true, true},
		"pod disabled":                          {"", "disabled", false, false},
		"pod with another value":                {"", other, true, false},
		"both enabled":                          {"enabled", "enabled", true, true},
		"both disabled":                         {"disabled", "disabled", false, false},
		"both with another value":               {other, other, true, false},
		"enabled namespace, disabled pod":       {"enabled", "disabled", false, false},
		"disabled namespace, enabled pod":       {"disabled", "enabled", false, false},
		"enabled namespace, pod with another":   {"enabled", other, true, false},
		"namespace with another, enabled pod":   {other, "enabled", true, false},
		"disabled namespace, pod with another":  {"disabled", other, false, false},
		"namespace with another, pod disabled ": {other, "disabled", false, false},
	}
	i := installed(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			label := func(value string) map[string]string {
				if value == "" {
					return nil
				}
				return map[string]string{injectionLabel: value}
			}
			pod := appPod("web")
			pod.Labels = label(c.pod)
			before := i.calls(t)
			got := createPod(t, newNamespace(t, label(c.namespace), nil), pod)
			if injected(got.object) != c.injected {
				t.Errorf("injected: %t, want %t", !c.injected, c.injected)
			}
			if sent := i.calls(t) > before; sent != c.sent {
				t.Errorf("sent to the injector: %t, want %t", sent, c.sent)
			}
			if warned := len(got.warnings) > 0; warned != (c.sent && !c.injected) {
				t.Errorf("warnings %q: wanted exactly where a value means nothing", got.warnings)
			}
		})
	}
}

func TestSystemNamespacesAndMirrorPodsNeverReachTheInjector(t *testing.T) {
	i := startInjector(t, "--template-dir", "testdata/templates")
	configuration := webhookConfiguration(t, i.url, i.ca)
	for n := range configuration.Webhooks { // controllers create pods in these namespaces, too
		configuration.Webhooks[n].ObjectSelector.MatchLabels = map[string]string{scopeLabel: scopeOf(t)}
	}
	install(t, configuration, sharedScope)
	labels := func(injection string) map[string]string {
		return map[string]string{injectionLabel: injection, scopeLabel: scopeOf(t)}
	}
	for _, namespace := range []string{"kube-system", "kube-public", "kube-node-lease", "sidecar-injector"} {
		createNamespace(t, namespace, nil, nil)
		pod := appPod("")
		pod.GenerateName = "web-"
		pod.Labels = labels("enabled")
		if got := createPod(t, namespace, pod); injected(got.object) {
			t.Errorf("namespace %s: a pod is injected", namespace)
		}
	}
	// The other entry of the configuration selects by the namespace's label.
	own := newNamespace(t, nil, nil)
	for _, namespace := range []string{"kube-system", "sidecar-injector"} {
		patch := []byte(`{"metadata":{"labels":{"` + injectionLabel + `":"enabled"}}}`)
		if _, err := suite.client.CoreV1().Namespaces().Patch(t.Context(), namespace, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		pod := appPod("")
		pod.GenerateName = "web-"
		pod.Labels = withScope(nil, scopeOf(t))
		createPod(t, namespace, pod)
	}
	mirror := appPod("mirror")
	mirror.Labels = labels("enabled")
	mirror.Annotations[corev1.MirrorPodAnnotationKey] = "hash"
	mirror.Spec.NodeName = "node"
	mirror.Spec.AutomountServiceAccountToken = new(bool)
	createPod(t, own, mirror)
	if calls := i.decisions(t); len(calls) > 0 {
		t.Errorf("the injector was called: %v", calls)
	}
}

func TestADryRunIsAnsweredAndHasNoSideEffect(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := enabledNamespace(t)
	if got := createPod(t, namespace, appPod("web"), "dryRun=All"); !injected(got.object) {
		t.Error("the dry run's pod is not injected")
	}
	pods, err := suite.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(pods.Items) > 0 {
		t.Errorf("%d pods are stored", len(pods.Items))
	}
	if told := events(t, namespace); told != "" {
		t.Errorf("events were made:\n%s", told)
	}
}

func TestTheTokenIsMountedIntoInjectedContainersAndTheSecondCallChangesNothing(t *testing.T) {
	t.Parallel()
	i := installed(t)
	got := createPod(t, enabledNamespace(t), appPod("web"))
	mounts, _ := container(t, got.object, side)["volumeMounts"].([]any)
	if !slices.ContainsFunc(mounts, func(m any) bool {
		return m.(object)["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
	}) {
		t.Errorf("the sidecar has no token: mounts %v", mounts)
	}
	// The plugin that mounts the token runs again after the webhook, and then the webhook is reinvoked.
	want := map[string]int{"injected Annotation": 1, "unchanged AlreadyInjected": 1}
	if diff := cmp.Diff(want, i.decisions(t)); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func TestTheRestartPolicyOfANativeSidecarIsKept(t *testing.T) {
	t.Parallel()
	installed(t)
	got := createPod(t, enabledNamespace(t), appPod("web"))
	if policy := container(t, got.object, side)["restartPolicy"]; policy != "Always" {
		t.Errorf("restartPolicy %v, want Always", policy)
	}
}

func TestUpdatesEphemeralContainersAndResizeNeverReachTheInjector(t *testing.T) {
	t.Parallel()
	i := installed(t)
	namespace := enabledNamespace(t)
	opted := appPod("opted")
	late := appPod("late")
	late.Labels = map[string]string{injectionLabel: "disabled"}
	for _, pod := range []*corev1.Pod{opted, late} {
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: quantity("10m")}
		createPod(t, namespace, pod)
	}
	before := i.decisions(t)
	pods := suite.client.CoreV1().Pods(namespace)
	changes := []struct{ what, subresource, patch string }{
		{"image", "", `{"spec":{"containers":[{"name":"app","image":"registry.example.com/app:2.0.0"}]}}`},
		{"label", "", `{"metadata":{"labels":{"` + injectionLabel + `":"enabled"}}}`},
		{"ephemeral container", "ephemeralcontainers", `{"spec":{"ephemeralContainers":[{"name":"debug","image":"registry.example.com/debug:1.0.0"}]}}`},
		{"resize", "resize", `{"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"20m"}}}]}}`},
		{"status", "status", `{"status":{"phase":"Running"}}`},
	}
	for _, name := range []string{"opted", "late"} {
		for _, c := range changes {
			if c.subresource != "" && !serves(t, "v1", "pods/"+c.subresource) {
				continue // pods/resize exists since 1.33
			}
			var subresources []string
			if c.subresource != "" {
				subresources = []string{c.subresource}
			}
			pod, err := pods.Patch(t.Context(), name, "application/strategic-merge-patch+json", []byte(c.patch), metav1.PatchOptions{}, subresources...)
			if err != nil {
				t.Fatalf("pod %s: %s: %v", name, c.what, err)
			}
			if got, want := len(pod.Spec.InitContainers), map[string]int{"opted": 1, "late": 0}[name]; got != want {
				t.Errorf("pod %s: %s: %d sidecars, want %d", name, c.what, got, want)
			}
		}
	}
	if after := i.decisions(t); !maps.Equal(before, after) {
		t.Errorf("the injector was called: before %v, after %v", before, after)
	}
}
