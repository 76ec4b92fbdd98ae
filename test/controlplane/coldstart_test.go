//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTheColdStartOfAClusterCannotDeadlock: the cluster restarts after everything was stopped. Webhook
// configurations with policy Fail and an outdated CA bundle exist, no injector runs, and all pods are created
// at once, including the injector's own.
func TestTheColdStartOfAClusterCannotDeadlock(t *testing.T) {
	s := newService(t)
	stale := standaloneBundle(t)
	configuration := s.configuration(admissionregistration.Fail)
	for n := range configuration.Webhooks {
		configuration.Webhooks[n].ClientConfig.CABundle = stale
		// The chart excludes its own namespace, which here has another name than in the rendering.
		for e, expression := range configuration.Webhooks[n].NamespaceSelector.MatchExpressions {
			if expression.Key == corev1.LabelMetadataName && expression.Operator == metav1.LabelSelectorOpNotIn {
				expression.Values = append(expression.Values, s.namespace)
				configuration.Webhooks[n].NamespaceSelector.MatchExpressions[e] = expression
			}
		}
	}
	s.create(configuration)
	s.createAdvice(stale)
	// The opt-in label on namespaces that must never depend on the webhook.
	for _, namespace := range []string{"kube-system", s.namespace} {
		s.label(namespace)
	}

	// Pods that do not need the injector start.
	createAccount(t, "kube-system", "default")
	notOptedIn := newNamespace(t, nil, nil)
	for _, namespace := range []string{"kube-system", s.namespace, notOptedIn, "default"} {
		createAccount(t, namespace, "default")
		if _, err := create(t.Context(), namespace, "Pod", askingPod("early"), "dryRun=All"); err != nil {
			t.Errorf("a pod of %s has to wait for the injector: %v", namespace, err)
		}
	}
	// Pods that request a sidecar are refused with the reason, and retried.
	web := askingPod("web")
	refused := func() error {
		_, err := create(t.Context(), s.pods, "Pod", web)
		if err == nil || !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), `failed calling webhook "namespaces.sidecar-injector.dev"`) {
			return errors.New("the pod is not refused with a word on why")
		}
		return nil
	}
	must(t, eventually(t.Context(), patience, func(context.Context) error { return refused() }))
	// Workloads are only subject to advice: the workload is stored, and its pods are created later.
	deployment := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: web.ObjectMeta, Spec: web.Spec},
		},
	}
	deployment.Spec.Template.GenerateName, deployment.Spec.Template.Labels = "", map[string]string{"app": "shop"}
	_, err := create(t.Context(), s.pods, "Deployment", deployment)
	must(t, err)

	// The injector's own pod was admitted above; now it runs.
	must(t, refused())
	begun := time.Now()
	a := s.run("a")
	var admitted stored
	must(t, eventually(t.Context(), 60*time.Second, func(ctx context.Context) error {
		admitted, err = create(ctx, s.pods, "Pod", web)
		return err
	}))
	suite.report("cold start: the first pod is injected %s after the injector was started", time.Since(begun).Round(100*time.Millisecond))
	if _, injected := admitted.object["spec"].(object)["initContainers"]; !injected {
		t.Error("the pod has no sidecar")
	}
	a.waitEndpoint()
	must(t, eventually(t.Context(), 90*time.Second, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(s.pods).List(ctx, metav1.ListOptions{LabelSelector: "app=shop"})
		if err == nil && (len(pods.Items) != 1 || len(pods.Items[0].Spec.InitContainers) != 1) {
			err = errors.New("the Deployment has no pod with a sidecar yet")
		}
		return err
	}))
	advice, err := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), s.name, metav1.GetOptions{})
	must(t, err)
	bundles := map[string][]byte{advice.Webhooks[0].Name: advice.Webhooks[0].ClientConfig.CABundle}
	for _, webhook := range s.live().Webhooks {
		bundles[webhook.Name] = webhook.ClientConfig.CABundle
	}
	for name, bundle := range bundles {
		if !bytes.Contains(bundle, s.secret().Data["tls.crt"]) {
			t.Errorf("webhook %s: the bundle lacks the authority", name)
		}
	}
}

// standaloneBundle returns the CA bundle of an injector that no longer exists.
func standaloneBundle(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	p, err := start("", filepath.Join(t.TempDir(), "log"), suite.injector, "serve", "--standalone", "--ca-out", file,
		"--listen", freeAddress(t), "--health-listen", "", "--metrics-listen", "")
	must(t, err)
	defer func() { must(t, p.stop()) }()
	var bundle []byte
	must(t, eventually(t.Context(), patience, func(context.Context) error {
		if bundle, err = os.ReadFile(file); err == nil && len(bundle) == 0 {
			err = errors.New("no bundle yet")
		}
		return err
	}))
	return bundle
}

// createAdvice creates the advisory webhook, as far as it matters for the test.
func (s *service) createAdvice(bundle []byte) {
	s.t.Helper()
	policy, none := admissionregistration.Ignore, admissionregistration.SideEffectClassNone
	client := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := client.Create(s.t.Context(), &admissionregistration.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionregistration.ValidatingWebhook{{
			Name: "workloads.sidecar-injector.dev",
			ClientConfig: admissionregistration.WebhookClientConfig{CABundle: bundle, Service: &admissionregistration.ServiceReference{
				Name: s.name, Namespace: s.namespace, Path: new("/advise"), Port: new(int32(443)),
			}},
			Rules: []admissionregistration.RuleWithOperations{{
				Operations: []admissionregistration.OperationType{admissionregistration.Create, admissionregistration.Update},
				Rule:       admissionregistration.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.pods}},
			AdmissionReviewVersions: []string{"v1"}, SideEffects: &none, FailurePolicy: &policy, TimeoutSeconds: new(int32(2)),
		}},
	}, metav1.CreateOptions{})
	must(s.t, err)
	s.t.Cleanup(func() { _ = client.Delete(context.Background(), s.name, metav1.DeleteOptions{}) })
}

// label sets the opt-in label on a namespace until the test ends.
func (s *service) label(namespace string) {
	s.t.Helper()
	set := func(value any) error {
		patch, err := json.Marshal(object{"metadata": object{"labels": object{injectionLabel: value}}})
		if err == nil {
			_, err = suite.client.CoreV1().Namespaces().Patch(context.Background(), namespace, "application/merge-patch+json", patch, metav1.PatchOptions{})
		}
		return err
	}
	must(s.t, set("enabled"))
	s.t.Cleanup(func() {
		if err := set(nil); err != nil {
			s.t.Error(err)
		}
	})
}
