//go:build controlplane

package controlplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// certificate is a certificate with its private key.
type certificate struct {
	pem  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// madeAuthority returns a new CA that is trusted nowhere.
func madeAuthority(t *testing.T, name string, from, until time.Time) certificate {
	t.Helper()
	return madeCertificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
}

// madeCertificate returns a certificate signed by a CA, or self-signed if by is nil.
func madeCertificate(t *testing.T, template *x509.Certificate, by *certificate) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return certificate{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), cert, key}
}

// impostor starts a server behind the Service with a certificate of another CA, which the webhook
// configuration is changed to trust.
func impostor(t *testing.T, leaf *x509.Certificate) {
	t.Helper()
	authority := madeAuthority(t, "impostor", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
	served := madeCertificate(t, leaf, &authority)
	listener, err := net.Listen("tcp", net.JoinHostPort(ownAddress(t), "0"))
	must(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{served.cert.Raw}, PrivateKey: served.key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	redirect(t, listener.Addr())
	changeEntries(t, func(w *admissionregistration.MutatingWebhook) { w.ClientConfig.CABundle = authority.pem })
}

// clusterAilments are faults of other installed objects.
func clusterAilments() []ailment {
	host := releaseName + "." + releaseName + ".svc"
	return []ailment{
		{
			name: "the certificate is for another name",
			provoke: func(t *testing.T, _ *patient) {
				impostor(t, &x509.Certificate{DNSNames: []string{"elsewhere.svc"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
			},
			want: []symptom{{"round-trip", "failure", `refused: .*\(certificate for another name\)`, "has to be for " + host}},
		},
		{
			name: "the certificate has expired",
			provoke: func(t *testing.T, _ *patient) {
				impostor(t, &x509.Certificate{DNSNames: []string{host}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
			},
			want: []symptom{{"round-trip", "failure", `refused: .*\(certificate expired\)`, "has expired, or a clock is wrong"}},
		},
		{
			name: "something else answers",
			provoke: func(t *testing.T, _ *patient) {
				impostor(t, &x509.Certificate{DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
			},
			want: []symptom{{"round-trip", "failure", `refused: .*\(no answer that counts\)`, "kubectl logs"}},
		},
		{
			name: "the settings have a fault",
			provoke: func(t *testing.T, _ *patient) {
				patchConfigMap(t, releaseName, `{"data":{"config.yaml":"nativ: true"}}`)
			},
			want: []symptom{{"settings", "failure", "unknown setting .?.nativ", "kubectl rollout restart deployment " + releaseName}},
		},
		{
			name: "a mounted template has a fault",
			provoke: func(t *testing.T, _ *patient) {
				created := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: releaseName + "-templates"}, Data: map[string]string{"mine.yaml": brokenTemplate("ClusterSidecarTemplate", "mine")}}
				_, err := suite.client.CoreV1().ConfigMaps(releaseName).Create(t.Context(), created, metav1.CreateOptions{})
				must(t, err)
				t.Cleanup(func() {
					if err := suite.client.CoreV1().ConfigMaps(releaseName).Delete(context.Background(), created.Name, metav1.DeleteOptions{}); err != nil {
						t.Error(err)
					}
				})
			},
			want: []symptom{{"templates", "failure", `template ClusterSidecarTemplate/mine \(ConfigMap .*, mine.yaml\) has a fault`, "sidecar-injector validate -f FILE"}},
		},
		{
			name: "a template resource came in broken while nobody looked",
			provoke: func(t *testing.T, _ *patient) {
				withoutReview(t)
				createTemplate(t, "clustersidecartemplates", "", brokenTemplate("ClusterSidecarTemplate", "theirs"))
			},
			want: []symptom{{"templates", "failure", "template ClusterSidecarTemplate/theirs is not Ready", "kubectl get clustersidecartemplate theirs -o yaml"}},
		},
		{
			name: "the CustomResourceDefinitions are older than the program",
			provoke: func(t *testing.T, _ *patient) {
				changeCRD(t, func(crd *apiextensionsv1.CustomResourceDefinition) {
					delete(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties, "match")
				})
			},
			want: []symptom{{"crds", "warning", "clustersidecartemplates.sidecar-injector.dev lacks spec.match", "crds.enabled: true"}},
		},
	}
}

func brokenTemplate(kind, name string) string {
	return `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"` + kind + `","metadata":{"name":"` + name + `"},"spec":{"pod":{"spec":{"containers":[{"name":"x","image":"${params.none}"}]}}}}`
}

func patchConfigMap(t *testing.T, name, patch string) {
	t.Helper()
	client := suite.client.CoreV1().ConfigMaps(releaseName)
	before, err := client.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	_, err = client.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
	t.Cleanup(func() {
		before.ResourceVersion = ""
		if _, err := client.Update(context.Background(), before, metav1.UpdateOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// createTemplate creates a template resource until the test ends.
func createTemplate(t *testing.T, plural, namespace, text string) {
	t.Helper()
	client, err := dynamic.NewForConfig(suite.config)
	must(t, err)
	object := &unstructured.Unstructured{}
	must(t, json.Unmarshal([]byte(text), object))
	templates := client.Resource(v1alpha1.GroupVersion.WithResource(plural)).Namespace(namespace)
	_, err = templates.Create(t.Context(), object, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		if err := templates.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// withoutReview disables the validating webhook for template resources until the test ends.
func withoutReview(t *testing.T) {
	t.Helper()
	client := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	rules := func(kinds string) {
		c, err := client.Get(context.Background(), releaseName, metav1.GetOptions{})
		if err == nil {
			for i := range c.Webhooks {
				if c.Webhooks[i].Name == "templates.sidecar-injector.dev" {
					c.Webhooks[i].Rules[0].Resources[0] = kinds
				}
			}
			_, err = client.Update(context.Background(), c, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	}
	rules("nothings")
	t.Cleanup(func() { rules("clustersidecartemplates") })
	time.Sleep(time.Second) // the API server applies the change within that time
}

// changeCRD edits the definition of ClusterSidecarTemplates until the test is over.
func changeCRD(t *testing.T, edit func(*apiextensionsv1.CustomResourceDefinition)) {
	t.Helper()
	client, err := dynamic.NewForConfig(suite.config)
	must(t, err)
	definitions := client.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	const name = "clustersidecartemplates.sidecar-injector.dev"
	before, err := definitions.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(before.DeepCopy().Object, crd))
	edit(crd)
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	must(t, err)
	_, err = definitions.Update(t.Context(), &unstructured.Unstructured{Object: object}, metav1.UpdateOptions{})
	must(t, err)
	t.Cleanup(func() {
		live, err := definitions.Get(context.Background(), name, metav1.GetOptions{})
		if err == nil {
			live.Object["spec"] = before.Object["spec"]
			_, err = definitions.Update(context.Background(), live, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// namespaceAilments are faults of namespaces and of the objects in them.
func namespaceAilments() []ailment {
	return []ailment{
		{
			name: "a namespace's label has a value that means nothing",
			provoke: func(t *testing.T, _ *patient) {
				createNamespace(t, "case-typo", map[string]string{injectionLabel: "true"}, nil)
				t.Cleanup(func() { kubectl(t, "delete", "namespace", "case-typo", "--wait=false") })
			},
			want: []symptom{{"namespace-labels", "failure", "namespace case-typo says .*true.*means nothing", "kubectl label namespace case-typo sidecar-injector.dev/injection=enabled --overwrite"}},
		},
		{
			name: "the label stands on a system namespace",
			provoke: func(t *testing.T, _ *patient) {
				kubectl(t, "label", "namespace", "kube-public", injectionLabel+"=enabled")
				t.Cleanup(func() { kubectl(t, "label", "namespace", "kube-public", injectionLabel+"-") })
			},
			want: []symptom{{"namespaces-enabled", "warning", "on namespace kube-public has no effect", "a namespace of their own"}},
		},
		{
			name: "a quota demands limits that the sidecar does not have",
			provoke: func(t *testing.T, p *patient) {
				limit(t, p.namespace, &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceLimitsCPU: quantity("10")}}})
			},
			want: []symptom{{"namespace-limits", "failure", "admits a pod, but not with the sidecar", "config-reload.sidecar-injector.dev/override|LimitRange with defaults"}},
		},
		{
			name: "a quota has no room for the sidecar",
			provoke: func(t *testing.T, p *patient) {
				limit(t, p.namespace, &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsMemory: quantity("20Mi")}}})
			},
			want: []symptom{{"namespace-limits", "failure", "admits a pod, but not with the sidecar", "kubectl describe resourcequota"}},
		},
		{
			name: "a LimitRange has other bounds",
			provoke: func(t *testing.T, p *patient) {
				limit(t, p.namespace, &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
					Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{corev1.ResourceMemory: quantity("18Mi")},
				}}}})
			},
			want: []symptom{{"namespace-limits", "failure", "admits a pod, but not with the sidecar", "kubectl describe limitrange"}},
		},
		{
			name: "Pod Security does not allow what the sidecar asks for",
			provoke: func(t *testing.T, p *patient) {
				createTemplate(t, "clustersidecartemplates", "", `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate","metadata":{"name":"mighty"},"spec":{"pod":{"spec":{"initContainers":[
					{"name":"mighty","restartPolicy":"Always","image":"mighty:1","securityContext":{"privileged":true},"resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`)
				kubectl(t, "label", "namespace", p.namespace, "pod-security.kubernetes.io/enforce=restricted")
				kubectl(t, "annotate", "namespace", p.namespace, "sidecar-injector.dev/inject=mighty")
				t.Cleanup(func() {
					kubectl(t, "label", "namespace", p.namespace, "pod-security.kubernetes.io/enforce-")
					kubectl(t, "annotate", "namespace", p.namespace, "sidecar-injector.dev/inject-")
				})
			},
			want: []symptom{{"namespace-limits", "failure", `admits a pod, but not with the sidecar .*mighty`, "correct the securityContext in the template"}},
		},
		{
			name: "a service account lacks what its sidecar needs",
			provoke: func(t *testing.T, p *patient) {
				deploy(t, p.namespace, "dashboards", "config-sync")
				kubectl(t, "patch", "deployment", "dashboards", "-n", p.namespace, "--type", "merge", "-p",
					`{"spec":{"template":{"metadata":{"annotations":{"config-sync.sidecar-injector.dev/label":"dashboard","config-sync.sidecar-injector.dev/folder":"/tmp/d"}}}}}`)
			},
			want: []symptom{{"sidecar-permissions", "warning", "service account default of namespace .* may not .*configmaps", "kubectl create rolebinding"}},
		},
		{
			name: "a template changes after its pods were created",
			provoke: func(t *testing.T, p *patient) {
				template := func(image string) string {
					return `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate","metadata":{"name":"aging"},"spec":{"pod":{"spec":{"initContainers":[
					{"name":"aging","restartPolicy":"Always","image":"` + image + `","resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`
				}
				createTemplate(t, "clustersidecartemplates", "", template("aging:1"))
				must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
					pod := appPod("aging")
					pod.Annotations[requestAnnotation] = "aging"
					_, err := create(ctx, p.namespace, "Pod", pod, "dryRun=All")
					return err
				}))
				deploy(t, p.namespace, "aged", "aging")
				_, err := podOf(t, p.namespace)
				must(t, err)
				must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
					pods, err := suite.client.CoreV1().Pods(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=aged"})
					if err == nil && len(pods.Items) < 2 {
						err = context.DeadlineExceeded
					}
					return err
				}))
				// A full update would conflict if the injector writes the status meanwhile.
				kubectl(t, "patch", "clustersidecartemplates", "aging", "--type", "merge", "-p", template("aging:2"))
			},
			want: []symptom{{"pods-outdated", "warning", "2 pods have a sidecar of an older revision: deployment/aged", "kubectl rollout restart deployment aged -n "}},
		},
	}
}

// limit creates a quota or a LimitRange in a namespace until the test ends.
func limit(t *testing.T, namespace string, what any) {
	t.Helper()
	switch what := what.(type) {
	case *corev1.ResourceQuota:
		what.Name = "limit"
		client := suite.client.CoreV1().ResourceQuotas(namespace)
		_, err := client.Create(t.Context(), what, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { _ = client.Delete(context.Background(), what.Name, metav1.DeleteOptions{}) })
	case *corev1.LimitRange:
		what.Name = "limit"
		client := suite.client.CoreV1().LimitRanges(namespace)
		_, err := client.Create(t.Context(), what, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { _ = client.Delete(context.Background(), what.Name, metav1.DeleteOptions{}) })
	}
}
