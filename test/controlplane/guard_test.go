//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The guard's messages, and the anchor that they refer to.
const (
	guardSays     = "the pod asks for sidecars and has none"
	podsRequest   = `: metadata.annotations["sidecar-injector.dev/inject"]: ` + guardSays
	nativeOfABase = "log-collector.sidecar-injector.dev/native"
)

// guardCase is a pod that the injector injects or not. Without an injector, the guard must refuse exactly
// those that would be injected.
type guardCase struct {
	labels, annotations map[string]string // of the namespace
	change              func(pod *corev1.Pod)
	sidecar             bool
}

func guardCases() map[string]guardCase {
	enabled := map[string]string{injectionLabel: "enabled"}
	byNamespace := map[string]string{requestAnnotation: "log-collector"}
	plain := func(pod *corev1.Pod) { pod.Annotations = nil }
	labelled := func(value string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Labels = map[string]string{injectionLabel: value} }
	}
	asks := func(value string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Annotations[requestAnnotation] = value }
	}
	job := func(native string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.RestartPolicy = corev1.RestartPolicyNever
			if native != "" {
				pod.Annotations[nativeOfABase] = native
			}
		}
	}
	return map[string]guardCase{
		"asked for on the pod":                     {enabled, nil, nil, true},
		"asked for on the namespace":               {enabled, byNamespace, plain, true},
		"asked for in an opted-in pod":             {nil, nil, labelled("enabled"), true},
		"asked for on the namespace of such a pod": {nil, byNamespace, func(pod *corev1.Pod) { plain(pod); labelled("enabled")(pod) }, true},
		"both opted in":                            {enabled, nil, labelled("enabled"), true},
		"asks for nothing":                         {enabled, nil, plain, false},
		"declines the namespace's default":         {enabled, byNamespace, asks(""), false},
		"declines by blanks":                       {enabled, byNamespace, asks(" \t "), false},
		"opted in nowhere":                         {nil, nil, nil, false},
		"disabled namespace":                       {map[string]string{injectionLabel: "disabled"}, nil, nil, false},
		"disabled namespace, enabled pod":          {map[string]string{injectionLabel: "disabled"}, nil, labelled("enabled"), false},
		"disabled pod":                             {enabled, nil, labelled("disabled"), false},
		"namespace with another value":             {map[string]string{injectionLabel: "yes"}, nil, labelled("enabled"), false},
		"namespace with an empty value":            {map[string]string{injectionLabel: ""}, nil, labelled("enabled"), false},
		"pod with another value":                   {enabled, nil, labelled("yes"), false},
		"pod with an empty value":                  {enabled, nil, labelled(""), false},
		"host network":                             {enabled, nil, func(pod *corev1.Pod) { pod.Spec.HostNetwork = true }, false},
		"Windows": {enabled, nil, func(pod *corev1.Pod) {
			pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		}, false},
		"Windows by its node": {enabled, nil, func(pod *corev1.Pod) {
			pod.Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"}
		}, false},
		"a Job's":                              {enabled, nil, job(""), true},
		"a Job's, native by annotation":        {enabled, nil, job("true"), true},
		"a Job's, not native":                  {enabled, nil, job("false"), false},
		"a Job's, not native by its namespace": {enabled, map[string]string{nativeOfABase: "false"}, job(""), false},
		"no Job's, not native": {enabled, nil, func(pod *corev1.Pod) {
			pod.Annotations[nativeOfABase] = "false"
		}, true},
		"mirror pod": {enabled, nil, func(pod *corev1.Pod) {
			pod.Annotations[corev1.MirrorPodAnnotationKey] = "hash"
			pod.Spec.NodeName = "node"
			pod.Spec.AutomountServiceAccountToken = new(bool)
		}, false},
	}
}

// TestTheGuardMissesWhatTheInjectorWouldHaveGiven creates each pod with the injector running
// and without, under failurePolicy Ignore.
func TestTheGuardMissesWhatTheInjectorWouldHaveGiven(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	const deny, warn = "webhook.failurePolicy=Ignore,guard=Deny", "webhook.failurePolicy=Ignore,guard=Warn"
	installChart(t, "--set", deny)
	cases := guardCases()
	namespaces := map[string]string{}
	for name, c := range cases {
		namespaces[name] = newNamespace(t, c.labels, c.annotations)
	}
	each := func(t *testing.T, check func(t *testing.T, c guardCase, got stored, err error)) {
		t.Helper()
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				pod := askingPodOf("log-collector")
				if c.change != nil {
					c.change(pod)
				}
				got, err := create(t.Context(), namespaces[name], "Pod", pod, "dryRun=All")
				check(t, c, got, err)
			})
		}
	}
	asking := namespaces["asked for on the pod"]
	guarded := func(ctx context.Context, want func(got stored, err error) bool) error {
		got, err := create(ctx, asking, "Pod", askingPodOf("log-collector"), "dryRun=All")
		if !want(got, err) {
			return fmt.Errorf("warnings %q, error %w", got.warnings, errors.Join(err, errors.New("not as wanted")))
		}
		return nil
	}

	// No injector runs yet.
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		return guarded(ctx, func(_ stored, err error) bool { return err != nil && strings.Contains(err.Error(), guardSays) })
	}))
	t.Run("down, Deny", func(t *testing.T) {
		each(t, func(t *testing.T, c guardCase, _ stored, err error) {
			if c.sidecar != (err != nil) || err != nil && !strings.Contains(err.Error(), podsRequest[2:]) {
				t.Errorf("want it refused: %t, and the reason told; got %v", c.sidecar, err)
			}
		})
	})
	t.Run("down, Deny, a controller's pod", func(t *testing.T) {
		namespace := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
		deploy(t, namespace, "web", "log-collector")
		_, err := podOf(t, namespace)
		if err == nil || !strings.Contains(err.Error(), guardSays) {
			t.Errorf("want a refusal in the ReplicaSet's events: %v", err)
		}
	})
	t.Run("down, Deny, pods whose status says that they have theirs", func(t *testing.T) {
		pod := askingPodOf("log-collector")
		pod.Annotations[statusAnnotation] = "{}"
		createPod(t, asking, pod, "dryRun=All")
	})

	t.Run("down, Deny, check says why", func(t *testing.T) {
		text, code, err := ours(t.Context(), suite.kubeconfig, "check", "-n", asking)
		must(t, err)
		for _, want := range []string{`in namespace ` + asking + ` got no sidecar, and the guard refuses it (no endpoints)`, "get a pod of it ready"} {
			if code != 1 || !strings.Contains(text, want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, want, text)
			}
		}
		if strings.Contains(text, "something refuses it after the injector") {
			t.Errorf("the guard counts as a limit of the namespace:\n%s", text)
		}
	})

	must(t, upgradeChart(t, "--set", warn))
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		return guarded(ctx, func(_ stored, err error) bool { return err == nil })
	}))
	t.Run("down, Warn", func(t *testing.T) {
		each(t, func(t *testing.T, c guardCase, got stored, err error) {
			must(t, err)
			warned := slices.ContainsFunc(got.warnings, func(w string) bool { return strings.Contains(w, podsRequest[2:]) })
			if warned != c.sidecar {
				t.Errorf("want a warning: %t, got %q", c.sidecar, got.warnings)
			}
		})
	})
	t.Run("down, Warn, the audit log", func(t *testing.T) {
		namespace := newNamespace(t, map[string]string{injectionLabel: "enabled"}, map[string]string{requestAnnotation: "log-collector"})
		pod := askingPodOf("log-collector")
		pod.Annotations = nil
		createPod(t, namespace, pod)
		annotations, err := auditAnnotations(suite.logs+"/audit.log", namespace)
		must(t, err)
		told := annotations["validation.policy.admission.k8s.io/validation_failure"]
		if !strings.Contains(told, releaseName+"-guard") || !strings.Contains(told, "namespace "+namespace) {
			t.Errorf("the audit log says %q", told)
		}
	})

	must(t, upgradeChart(t, "--set", deny))
	waitReady(t, startReplica(t))
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		return guarded(ctx, func(got stored, err error) bool { return err == nil && hasStatus(got) })
	}))
	t.Run("up, Deny", func(t *testing.T) {
		each(t, func(t *testing.T, c guardCase, got stored, err error) {
			must(t, err)
			if hasStatus(got) != c.sidecar {
				t.Errorf("injected: %t, want %t", hasStatus(got), c.sidecar)
			}
		})
	})
}

// TestTheGuardLeavesSystemNamespacesAlone sets the opt-in label on namespaces that must not have it.
func TestTheGuardLeavesSystemNamespacesAlone(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	installChart(t, "--set", "webhook.failurePolicy=Ignore,guard=Deny")
	watched := enabledNamespace(t)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		_, err := create(ctx, watched, "Pod", askingPodOf("log-collector"), "dryRun=All")
		if err == nil {
			return errors.New("the guard is not in force")
		}
		return nil
	}))
	for _, namespace := range []string{"kube-system", "kube-public", "kube-node-lease", releaseName} {
		createNamespace(t, namespace, nil, nil)
		for _, value := range []string{`"enabled"`, "null"} {
			patch := []byte(`{"metadata":{"labels":{"` + injectionLabel + `":` + value + `}}}`)
			_, err := suite.client.CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{})
			must(t, err)
			pod := restrictedPod("")
			pod.GenerateName, pod.Annotations[requestAnnotation] = "web-", "log-collector"
			pod.Labels = map[string]string{injectionLabel: "enabled"}
			if _, err := create(t.Context(), namespace, "Pod", pod, "dryRun=All"); err != nil {
				t.Errorf("namespace %s, label %s: %v", namespace, value, err)
			}
		}
	}
}

// askingPodOf returns a pod that requests one template.
func askingPodOf(template string) *corev1.Pod {
	pod := appPod("")
	pod.GenerateName = "web-"
	pod.Annotations[requestAnnotation] = template
	return pod
}

func hasStatus(pod stored) bool {
	annotations, _ := pod.object["metadata"].(object)["annotations"].(object)
	_, there := annotations[statusAnnotation]
	return there
}
