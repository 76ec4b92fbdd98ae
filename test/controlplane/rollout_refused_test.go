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
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// forbidsPods installs a ValidatingAdmissionPolicy that refuses all pods of a namespace but those of dry runs,
// as one would that comes after the trial.
func forbidsPods(t *testing.T, namespace string) {
	t.Helper()
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	policies := suite.client.AdmissionregistrationV1()
	_, err := policies.ValidatingAdmissionPolicies().Create(t.Context(), &admissionregistration.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistration.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistration.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
				ResourceRules: []admissionregistration.NamedRuleWithOperations{{RuleWithOperations: admissionregistration.RuleWithOperations{
					Operations: []admissionregistration.OperationType{admissionregistration.Create},
					Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Validations: []admissionregistration.Validation{{Expression: "has(request.dryRun) && request.dryRun", Message: "no more pods"}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistration.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistration.ValidatingAdmissionPolicyBindingSpec{PolicyName: namespace, ValidationActions: []admissionregistration.ValidationAction{admissionregistration.Deny}}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicyBindings().Delete(context.Background(), namespace, metav1.DeleteOptions{})
		_ = policies.ValidatingAdmissionPolicies().Delete(context.Background(), namespace, metav1.DeleteOptions{})
	})
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error { // until the API server applies it
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "try-"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}}}
		made, err := suite.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
		if err != nil {
			return nil
		}
		return errors.Join(errors.New("not applied yet"), suite.client.CoreV1().Pods(namespace).Delete(ctx, made.Name, metav1.DeleteOptions{}))
	}))
}

// TestARolloutStopsWhenItsNewPodsAreRefused long before its timeout, and the next workload is not begun.
func TestARolloutStopsWhenItsNewPodsAreRefused(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	const timeout = time.Minute
	soon := func(t *testing.T, begun time.Time) {
		if took := time.Since(begun); took > timeout/2 {
			t.Errorf("it stopped after %s", took.Round(time.Second))
		}
	}
	for kind, more := range map[string]string{"Deployment": "", "StatefulSet": `"serviceName":"web",`} {
		t.Run("by a policy, the pods of a "+kind, func(t *testing.T) {
			n := fleetPlace(t)
			for _, name := range []string{"web", "xeb"} {
				_, err := create(t.Context(), n, kind, fmt.Appendf(nil, `{"apiVersion":"apps/v1","kind":%q,"metadata":{"name":%[2]q},"spec":{%s"replicas":2,"selector":{"matchLabels":{"app":%[2]q}},
					"template":{"metadata":{"labels":{"app":%[2]q},"annotations":{"sidecar-injector.dev/inject":"mine"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"app","image":"app"}]}}}}`, kind, name, more))
				must(t, err)
			}
			healthy(t, n, 4)
			retemplate(t, n, `"one"`, `"two"`)
			forbidsPods(t, n)
			begun := time.Now()
			p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", timeout.String()},
				`^error: stopped: `+strings.ToLower(kind)+`/web in `+n+`: its new pods are refused: pods "web-\S*" is forbidden: ValidatingAdmissionPolicy '`+n+`' with binding '`+n+`' denied request: no more pods; 0 pods are done, 1 workload left untouched`)
			soon(t, begun)
			for _, pod := range healthy(t, n, map[string]int{"Deployment": 4, "StatefulSet": 3}[kind]) {
				if pod.Spec.InitContainers[0].Args[0] != "one" {
					t.Errorf("pod %s was made anew", pod.Name)
				}
			}
		})
	}
	t.Run("by a quota, after an eviction", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=6")
		healthy(t, n, 6)
		kubectl(t, "rollout", "pause", "deployment", "web", "-n", n) // so that its pods are evicted
		retemplate(t, n, "mine:1", "mine:2", `"one"`, `"two"`)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", timeout.String())
		begun(t, n, 1)
		since := time.Now()
		_, err := suite.client.CoreV1().ResourceQuotas(n).Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "three"},
			Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}}}, metav1.CreateOptions{})
		must(t, err)
		r.ends(t, 1, `^error: stopped: deployment/web in `+n+`: its new pods are refused: pods "web-\S*" is forbidden: exceeded quota: three, requested: pods=1, used: pods=\d, limited: pods=3; \d pods? (is|are) done`)
		soon(t, since)
		healthy(t, n, 5)
	})
}
