//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// ailments returns the ailments in the order in which they are tested: after the first of outages, the
// injector is stopped.
func ailments() []ailment {
	return slices.Concat(webhookAilments(), clusterAilments(), namespaceAilments(), outages())
}

// webhookAilments are faults in the webhook configuration, which users and tools edit.
func webhookAilments() []ailment {
	return []ailment{
		{
			name: "the webhook configuration is gone",
			provoke: func(t *testing.T, _ *patient) {
				client := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
				before, err := client.Get(t.Context(), releaseName, metav1.GetOptions{})
				must(t, err)
				must(t, client.Delete(t.Context(), releaseName, metav1.DeleteOptions{}))
				t.Cleanup(func() {
					before.ResourceVersion, before.UID = "", ""
					if _, err := client.Create(context.Background(), before, metav1.CreateOptions{}); err != nil {
						t.Error(err)
					}
				})
			},
			want: []symptom{{"installed", "failure", "webhook configuration " + releaseName + " does not exist", "helm upgrade " + releaseName}},
		},
		{
			name: "an entry is gone",
			provoke: func(t *testing.T, _ *patient) {
				changeWebhooks(t, func(c *admissionregistration.MutatingWebhookConfiguration) { c.Webhooks = c.Webhooks[:1] })
			},
			want: []symptom{{"webhook-entries", "failure", "has no entry pods.sidecar-injector.dev", "helm upgrade"}},
		},
		{
			name: "an entry is asked about updates only",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) {
					w.Rules[0].Operations = []admissionregistration.OperationType{admissionregistration.Update}
				})
			},
			want: []symptom{{"webhook-entries", "failure", "entry namespaces.sidecar-injector.dev has no rule for CREATE of pods", "helm upgrade"},
				{"round-trip", "failure", "came back without its sidecar", "see there: helm upgrade"}},
		},
		{
			name: "the selectors no longer leave out kube-system and the own namespace",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) {
					w.NamespaceSelector.MatchExpressions = slices.DeleteFunc(w.NamespaceSelector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
						return r.Key == corev1.LabelMetadataName
					})
				})
			},
			want: []symptom{{"webhook-selectors", "failure", "is asked about namespace kube-system, .*" + releaseName, "helm upgrade"}},
		},
		{
			name: "the selectors leave out enabled namespaces",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) {
					w.NamespaceSelector.MatchLabels = map[string]string{"team": "a"}
				})
			},
			want: []symptom{{"webhook-selectors", "warning", "is not asked about every namespace or pod that is enabled", "webhook.namespaceSelector"},
				{"round-trip", "failure", "came back without its sidecar", "kubectl logs"}},
		},
		{
			name: "the selectors no longer leave out pods that say disabled",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.ObjectSelector = nil })
			},
			want: []symptom{{"webhook-selectors", "warning", "is asked about pods that say disabled", "helm upgrade"}},
		},
		{
			name: "nobody is asked again, and others come after",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) {
					w.ReinvocationPolicy = new(admissionregistration.NeverReinvocationPolicy)
				})
			},
			want: []symptom{{"webhook-reinvocation", "warning", "is Never", "webhook.reinvocationPolicy: IfNeeded"}},
		},
		{
			name: "the failure policy lets pods pass",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.FailurePolicy = new(admissionregistration.Ignore) })
			},
			want: []symptom{{"webhook-policy", "warning", "the failurePolicy is Ignore", "webhook.failurePolicy: Fail"}},
		},
		{
			name: "the timeout is long",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.TimeoutSeconds = new(int32(30)) })
			},
			want: []symptom{{"webhook-policy", "warning", "waits up to 30 s", "webhook.timeoutSeconds: 5"}},
		},
		{
			name: "a tool empties the CA bundle",
			provoke: func(t *testing.T, _ *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.ClientConfig.CABundle = nil })
			},
			want: []symptom{{"ca-bundle", "failure", "is empty", "GitOps tools: ignore differences in caBundle"},
				{"round-trip", "failure", `refused: .*\(unknown authority\)`, "signed by another authority"}},
		},
		{
			name: "the CA bundle holds another authority",
			provoke: func(t *testing.T, _ *patient) {
				other := madeAuthority(t, "another", time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.ClientConfig.CABundle = other.pem })
			},
			want: []symptom{{"ca-bundle", "failure", "does not hold the authority of Secret " + releaseName + "-ca", "kubectl logs"},
				{"round-trip", "failure", `refused: .*\(unknown authority\)`, "signed by another authority"}},
		},
		{
			name: "the CA bundle has expired",
			provoke: func(t *testing.T, _ *patient) {
				old := madeAuthority(t, "old", time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour))
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.ClientConfig.CABundle = old.pem })
			},
			want: []symptom{{"ca-bundle", "failure", "has expired on ", "kubectl logs"}},
		},
		{
			name: "the validating webhook stands in the way",
			provoke: func(t *testing.T, _ *patient) {
				setAdvicePolicy(t, admissionregistration.Fail)
				t.Cleanup(func() { setAdvicePolicy(t, admissionregistration.Ignore) })
			},
			want: []symptom{{"advice", "failure", "has failurePolicy Fail", "helm upgrade"}},
		},
		{
			name: "the validating webhook has no entries",
			provoke: func(t *testing.T, _ *patient) {
				client := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
				whole, err := client.Get(t.Context(), releaseName, metav1.GetOptions{})
				must(t, err)
				bare := whole.DeepCopy()
				bare.Webhooks = nil
				bare, err = client.Update(t.Context(), bare, metav1.UpdateOptions{})
				must(t, err)
				t.Cleanup(func() {
					whole.ResourceVersion = bare.ResourceVersion
					if _, err := client.Update(context.Background(), whole, metav1.UpdateOptions{}); err != nil {
						t.Error(err)
					}
				})
			},
			want: []symptom{{"advice", "warning", "no entry of validating webhook configuration .* calls /validate-templates", "helm upgrade"}},
		},
		{
			name: "two releases have the same entries",
			provoke: func(t *testing.T, _ *patient) {
				client := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
				second, err := client.Get(t.Context(), releaseName, metav1.GetOptions{})
				must(t, err)
				second.ObjectMeta = metav1.ObjectMeta{Name: releaseName + "-second"}
				_, err = client.Create(t.Context(), second, metav1.CreateOptions{})
				must(t, err)
				t.Cleanup(func() {
					if err := client.Delete(context.Background(), second.Name, metav1.DeleteOptions{}); err != nil {
						t.Error(err)
					}
				})
			},
			want: []symptom{{"single-installation", "failure", "2 injectors are installed: " + releaseName + " .*-second", "helm uninstall " + releaseName + "-second"}},
		},
	}
}

func setAdvicePolicy(t *testing.T, policy admissionregistration.FailurePolicyType) {
	t.Helper()
	client := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		c, err := client.Get(context.Background(), releaseName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range c.Webhooks {
			c.Webhooks[i].FailurePolicy = &policy
		}
		_, err = client.Update(context.Background(), c, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// outages are faults of the injector and of the network path to it. The first one stops the injector for all
// later ones.
func outages() []ailment {
	return []ailment{
		{
			name: "a firewall lies between API server and injector",
			provoke: func(t *testing.T, _ *patient) {
				listener, err := net.Listen("tcp", net.JoinHostPort(ownAddress(t), "0"))
				must(t, err)
				t.Cleanup(func() { listener.Close() }) // connections are never accepted, so that requests time out
				redirect(t, listener.Addr())
				// An older API server keeps using its open connections, which a firewall would cut; after a
				// change of the bundle it opens new ones.
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) {
					w.ClientConfig.CABundle = append(w.ClientConfig.CABundle, '\n')
				})
			},
			want: []symptom{{"round-trip", "failure", `refused: .*\(timeout\)`, `from port \d+ of the pods .*webhook.port: 10250`}},
		},
		{
			name:    "no injector runs, and the failure policy refuses pods",
			provoke: func(t *testing.T, p *patient) { must(t, p.replica.stop()) },
			want:    []symptom{{"round-trip", "failure", `refused: .*\(connection refused\)`, "the injector is down, or listens on another port"}},
		},
		{
			name: "no injector runs, and the failure policy lets pods pass, which miss their sidecars",
			provoke: func(t *testing.T, p *patient) {
				changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.FailurePolicy = new(admissionregistration.Ignore) })
				must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
					_, err := create(ctx, p.namespace, "Pod", appPod("any"), "dryRun=All")
					return err
				}))
				deployMissed(t, p.namespace)
			},
			want: []symptom{{"round-trip", "failure", `came back without its sidecar \(connection refused\)`, "the injector is down"},
				{"pods-missed", "warning", "2 pods lack a sidecar .*: deployment/missed in ", "kubectl rollout restart deployment missed -n case-"}},
		},
		{
			name:    "there are no endpoints",
			provoke: func(t *testing.T, _ *patient) { redirect(t, nil) },
			want: []symptom{{"endpoints", "failure", "has no ready endpoint", "kubectl get pods -n " + releaseName},
				{"round-trip", "failure", `refused: .*\(no endpoints\)`, "get a pod of it ready"}},
		},
		{
			name: "no replica gets ready",
			provoke: func(t *testing.T, _ *patient) {
				must(t, podsAre(t.Context(), corev1.ConditionFalse, ownAddress(t)))
			},
			want: []symptom{{"deployment", "failure", "no replica of Deployment .* is ready", "kubectl logs"}},
		},
		{
			name: "nobody renews the lease",
			provoke: func(t *testing.T, _ *patient) {
				patch := fmt.Appendf(nil, `{"spec":{"renewTime":%q}}`, time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z"))
				_, err := suite.client.CoordinationV1().Leases(releaseName).Patch(t.Context(), releaseName, types.MergePatchType, patch, metav1.PatchOptions{})
				must(t, err)
			},
			want: []symptom{{"lease", "warning", "was renewed 60 min ago", "kubectl logs"}},
		},
		{
			name: "the authority's Secret is gone",
			provoke: func(t *testing.T, _ *patient) {
				must(t, suite.client.CoreV1().Secrets(releaseName).Delete(t.Context(), releaseName+"-ca", metav1.DeleteOptions{}))
			},
			want: []symptom{{"ca-secret", "failure", "does not exist", "kubectl logs"}},
		},
		{
			name: "the Deployment is scaled to nothing",
			provoke: func(t *testing.T, _ *patient) {
				kubectl(t, "scale", "deployment", releaseName, "-n", releaseName, "--replicas", "0")
			},
			want: []symptom{{"deployment", "failure", "is scaled to 0", "kubectl scale deployment .* --replicas 2"}},
		},
		{
			name: "the Service is gone",
			provoke: func(t *testing.T, _ *patient) {
				must(t, suite.client.CoreV1().Services(releaseName).Delete(t.Context(), releaseName, metav1.DeleteOptions{}))
			},
			want: []symptom{{"service", "failure", "does not exist", "helm upgrade"},
				{"round-trip", "failure", `refused: .*\(no Service\)`, "kubectl delete mutatingwebhookconfiguration " + releaseName}},
		},
		{
			name: "only the webhook configuration is left of an injector",
			provoke: func(t *testing.T, _ *patient) {
				must(t, suite.client.AppsV1().Deployments(releaseName).Delete(t.Context(), releaseName, metav1.DeleteOptions{}))
			},
			want: []symptom{{"deployment", "failure", "does not exist", "kubectl delete mutatingwebhookconfiguration " + releaseName}},
		},
	}
}

// redirect makes the Service lead to another address, or to none if nil.
func redirect(t *testing.T, to net.Addr) {
	t.Helper()
	client := suite.client.DiscoveryV1().EndpointSlices(releaseName)
	list, err := client.List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + releaseName})
	must(t, err)
	for _, slice := range list.Items {
		before := slice.DeepCopy()
		slice.Endpoints[0].Conditions.Ready = new(to != nil)
		if to != nil {
			_, port, err := net.SplitHostPort(to.String())
			must(t, err)
			number, err := strconv.ParseInt(port, 10, 32)
			must(t, err)
			slice.Ports[0].Port = new(int32(number))
		}
		_, err = client.Update(t.Context(), &slice, metav1.UpdateOptions{})
		must(t, err)
		t.Cleanup(func() {
			live, err := client.Get(context.Background(), before.Name, metav1.GetOptions{})
			if err == nil {
				live.Endpoints, live.Ports = before.Endpoints, before.Ports
				_, err = client.Update(context.Background(), live, metav1.UpdateOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// deployMissed creates a Deployment that requests a sidecar, which is not added.
func deployMissed(t *testing.T, namespace string) {
	t.Helper()
	deploy(t, namespace, "missed", "log-collector")
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=missed"})
		if err == nil && len(pods.Items) != 2 {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		return err
	}))
}

// deploy creates a Deployment with two pods.
func deploy(t *testing.T, namespace, name, request string) {
	t.Helper()
	text := fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%[1]q},"spec":{"replicas":2,"selector":{"matchLabels":{"app":%[1]q}},
		"template":{"metadata":{"labels":{"app":%[1]q},"annotations":{"sidecar-injector.dev/inject":%[2]q}},"spec":{"securityContext":{"runAsUser":1000},"containers":[{"name":"app","image":"app"}]}}}}`, name, request)
	_, err := create(t.Context(), namespace, "Deployment", bytes.TrimSpace([]byte(text)))
	must(t, err)
}
