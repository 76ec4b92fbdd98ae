//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rewrites installs a MutatingAdmissionPolicy that gives the sidecar of new pods of a namespace other
// fields, when the container c does not have them.
func rewrites(t *testing.T, namespace, when, fields string) {
	t.Helper()
	needsServed(t, policiesVersion, "mutatingadmissionpolicies")
	policies := suite.client.AdmissionregistrationV1()
	// It has to match at first as well, to be asked again after the injector.
	condition := "has(object.spec.initContainers) && object.spec.initContainers.exists(c, c.name == 'mine' && " + when + ")"
	_, err := policies.MutatingAdmissionPolicies().Create(t.Context(), &admissionregistration.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistration.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistration.IfNeededReinvocationPolicy,
			FailurePolicy:      new(admissionregistration.Fail),
			MatchConstraints: &admissionregistration.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
				ResourceRules: []admissionregistration.NamedRuleWithOperations{{RuleWithOperations: admissionregistration.RuleWithOperations{
					Operations: []admissionregistration.OperationType{admissionregistration.Create},
					Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistration.Mutation{{PatchType: admissionregistration.PatchTypeApplyConfiguration, ApplyConfiguration: &admissionregistration.ApplyConfiguration{
				Expression: condition + ` ? Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: "mine", ` + fields + `}]}} : Object{metadata: Object.metadata{labels: {"seen": "yes"}}}`}}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = policies.MutatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistration.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistration.MutatingAdmissionPolicyBindingSpec{PolicyName: namespace}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = policies.MutatingAdmissionPolicyBindings().Delete(context.Background(), namespace, metav1.DeleteOptions{})
		_ = policies.MutatingAdmissionPolicies().Delete(context.Background(), namespace, metav1.DeleteOptions{})
	})
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error { // until the API server applies it
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "try-"}, Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "mine", Image: "mine:1"}}, Containers: []corev1.Container{{Name: "app", Image: "app"}}}}
		got, err := suite.client.CoreV1().Pods(namespace).Create(ctx, pod.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && got.Spec.InitContainers[0].Image == "mine:1" && got.Spec.InitContainers[0].ImagePullPolicy != corev1.PullAlways {
			err = errors.New("not applied yet")
		}
		return err
	}))
}

// untouched fails if pods are not the same as before, or have changed.
func untouched(t *testing.T, namespace string, before []corev1.Pod) {
	t.Helper()
	for _, pod := range healthy(t, namespace, len(before)) {
		for i := range before {
			if before[i].UID == pod.UID && before[i].Spec.InitContainers[0].Image == pod.Spec.InitContainers[0].Image {
				pod.UID = ""
			}
		}
		if pod.UID != "" {
			t.Errorf("pod %s was changed or made anew", pod.Name)
		}
	}
}

// TestNothingChangesThatANewPodWouldNotBe tries workloads whose new pods differ from what is rendered here.
func TestNothingChangesThatANewPodWouldNotBe(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	t.Run("images are always pulled", func(t *testing.T) {
		n := fleetPlace(t)
		retemplate(t, n, `"args"`, `"imagePullPolicy":"IfNotPresent","args"`)
		rewrites(t, n, "(!has(c.imagePullPolicy) || c.imagePullPolicy != 'Always')", `imagePullPolicy: "Always"`)
		deploy(t, n, "web", "mine")
		before := healthy(t, n, 2)
		retemplate(t, n, `"args":["one"]`, `"imagePullPolicy":"IfNotPresent","args":["two"]`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "-o", "wide"}, `deployment/web +leave +0/2 +0 +a new pod differs too: container "mine": imagePullPolicy`)
		untouched(t, n, before)
	})
	t.Run("images come from a mirror", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		createPod(t, n, object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "alone", "annotations": object{"sidecar-injector.dev/inject": "mine"}},
			"spec": object{"containers": []any{object{"name": "app", "image": "app"}}}})
		before := healthy(t, n, 3)
		rewrites(t, n, "c.image.startsWith('mine:')", `image: "mirror.local/mine:1"`)
		retemplate(t, n, "mine:1", "mine:2")
		p.says(t, admin, 1, []string{"rollout", "-n", n, "-o", "wide"},
			`deployment/web +leave +0/2 +0 +the injector gives another image, mirror.local/mine:1`, `pod/alone +leave +0/1 +0 +the injector gives another image, mirror.local/mine:1`)
		untouched(t, n, before)
	})
	t.Run("in place goes on where a new pod is as rendered", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize")
		n := fleetPlace(t)
		createPod(t, n, object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "alone", "annotations": object{"sidecar-injector.dev/inject": "mine"}},
			"spec": object{"containers": []any{object{"name": "app", "image": "app"}}}})
		healthy(t, n, 1)
		retemplate(t, n, "mine:1", "mine:2")
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `pod/alone +in place +1/1`)
	})
	t.Run("the injector does not inject after the trial", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		deploy(t, n, "xeb", "mine")
		healthy(t, n, 4)
		retemplate(t, n, `"one"`, `"two"`)
		for _, name := range strings.Fields(kubectl(t, "get", "mutatingwebhookconfigurations", "-o", "name")) {
			count := len(strings.Fields(kubectl(t, "get", name, "-o", "jsonpath={.webhooks[*].name}")))
			for i := range count {
				kubectl(t, "patch", name, "--type", "json", "-p", fmt.Sprintf(`[{"op":"add","path":"/webhooks/%d/matchConditions/-","value":{"name":"dry","expression":"has(request.dryRun) && request.dryRun"}}]`, i))
			}
		}
		time.Sleep(2 * time.Second)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "15s"}, `^error: stopped: deployment/web in `+n+`: the new pod web-\S+ came without its sidecar`)
		for _, pod := range healthy(t, n, 4) {
			if pod.Labels["app"] == "xeb" && len(pod.Spec.InitContainers) == 0 {
				t.Errorf("pod %s has lost its sidecar", pod.Name)
			}
		}
	})
}

// TestWorkloadsThatAreNotReadyDoNotStopTheOthers tries what was broken before, and what a template broke
// that was mended since.
func TestWorkloadsThatAreNotReadyDoNotStopTheOthers(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	t.Run("a broken template was mended", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		retemplate(t, n, "mine:1", "mine:bad", `"one"`, `"two"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "10s"}, `^error: stopped: deployment/web`)
		retemplate(t, n, `"one"`, `"three"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +restart +\d/\d`)
		for _, pod := range healthy(t, n, 2) {
			if pod.Spec.InitContainers[0].Args[0] != "three" {
				t.Errorf("pod %s: %v", pod.Name, pod.Spec.InitContainers[0].Args)
			}
		}
	})
	t.Run("a broken template was mended, for a StatefulSet", func(t *testing.T) {
		n := fleetPlace(t)
		_, err := create(t.Context(), n, "StatefulSet", []byte(`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{"replicas":2,"serviceName":"web","selector":{"matchLabels":{"app":"web"}},
			"template":{"metadata":{"labels":{"app":"web"},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"app","image":"app"}]}}}}`))
		must(t, err)
		healthy(t, n, 2)
		retemplate(t, n, "mine:1", "mine:bad", `"one"`, `"two"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "10s"}, `^error: stopped: statefulset/web`)
		retemplate(t, n, `"one"`, `"three"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `statefulset/web +restart +2/2`)
		p.says(t, admin, 0, []string{"status", "-n", n, "--exit-code"}, `statefulset/web +mine +current +2`)
	})
	t.Run("an app was broken before", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		_, err := create(t.Context(), n, "Deployment", []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"aaa"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"aaa"}},
			"template":{"metadata":{"labels":{"app":"aaa"},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"containers":[{"name":"app","image":"app:bad"}]}}}}`))
		must(t, err)
		healthy(t, n, 2)
		retemplate(t, n, `"one"`, `"two"`)
		for range 2 {
			p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "5s", "-o", "wide"}, `deployment/aaa +restart +0/\d+`, `^error: 1 workload left`)
		}
	})
}
