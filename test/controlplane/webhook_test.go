//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/yaml"
)

// injectionLabel is the opt-in label of namespaces and pods.
const injectionLabel = "sidecar-injector.dev/injection"

// webhookConfiguration returns the chart's configuration with the address and the CA bundle filled in.
func webhookConfiguration(t *testing.T, url string, ca []byte) *admissionregistration.MutatingWebhookConfiguration {
	t.Helper()
	configuration := &admissionregistration.MutatingWebhookConfiguration{}
	text := bytes.ReplaceAll(suite.chart, []byte(placeholderURL), []byte(url))
	if err := yaml.UnmarshalStrict(text, configuration); err != nil {
		t.Fatalf("the chart's webhook configuration: %v", err)
	}
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig.CABundle = ca
	}
	return configuration
}

// install creates a configuration until the test ends, for namespaces of the test's scope and of the named
// others, and waits until the API server applies it; at the end it waits until the API server no longer does.
func install(t *testing.T, configuration *admissionregistration.MutatingWebhookConfiguration, others ...string) {
	t.Helper()
	confine(configuration, append([]string{scopeOf(t)}, others...)...)
	configurations := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	marker := newMarker(configuration)
	if _, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), configuration.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		marker.waitFor(t, false)
	})
	marker.waitFor(t, true)
}

// marker is an additional entry of a webhook configuration that refuses the dry run of a pod with a label of
// its own. The API server applies a configuration as a whole, so the marker shows whether it has, without a
// call of the injector.
type marker struct{ label, value string }

func newMarker(configuration *admissionregistration.MutatingWebhookConfiguration) marker {
	m := marker{label: "controlplane.test/marker", value: rand.String(10)}
	nobody := "https://127.0.0.1:1/"
	configuration.Webhooks = append(configuration.Webhooks, admissionregistration.MutatingWebhook{
		Name:         "marker.controlplane.test",
		ClientConfig: admissionregistration.WebhookClientConfig{URL: &nobody},
		Rules: []admissionregistration.RuleWithOperations{{
			Operations: []admissionregistration.OperationType{admissionregistration.Create},
			Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
		ObjectSelector:          &metav1.LabelSelector{MatchLabels: map[string]string{m.label: m.value}},
		AdmissionReviewVersions: []string{"v1"},
		SideEffects:             new(admissionregistration.SideEffectClassNone),
		FailurePolicy:           new(admissionregistration.Fail),
		TimeoutSeconds:          new(int32(1)),
	})
	return m
}

func (m marker) waitFor(t *testing.T, want bool) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "marker-", Labels: map[string]string{m.label: m.value, injectionLabel: "disabled"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}
	err := eventually(context.Background(), 30*time.Second, func(ctx context.Context) error {
		_, err := suite.client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		heeded := err != nil && strings.Contains(err.Error(), "marker.controlplane.test")
		switch {
		case err != nil && !heeded:
			return err
		case heeded != want:
			return errors.New("the API server has not taken the webhook configuration over")
		}
		return nil
	})
	if err != nil {
		t.Fatal(fmt.Errorf("webhook configuration: %w", err))
	}
}
