//go:build controlplane

package controlplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// messages returns the API server's messages that docs/troubleshooting.md quotes: under each heading of the
// section there is one indented line, in which … stands for the variable parts.
func messages(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs/troubleshooting.md"))
	must(t, err)
	_, section, ok := strings.Cut(string(text), "\n## What the API server says\n")
	if !ok {
		t.Fatal("docs/troubleshooting.md: no section on what the API server says")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	quoted := map[string]string{}
	for _, part := range strings.Split(section, "\n### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		for line := range strings.Lines(body) {
			if message, indented := strings.CutPrefix(line, "    "); indented {
				quoted[heading] = strings.TrimSpace(message)
				break
			}
		}
	}
	return quoted
}

// says reports whether a text matches a quotation with gaps.
func says(quotation, text string) bool {
	parts := strings.Split(quotation, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(text)
}

// TestTroubleshootingQuotesTheAPIServerAsItSpeaks provokes each message and compares it with the quotation.
func TestTroubleshootingQuotesTheAPIServerAsItSpeaks(t *testing.T) {
	provoked := map[string]func(*testing.T) error{
		"connection refused": func(t *testing.T) error {
			return refusedBy(t, "https://"+freeAddress(t), nil)
		},
		"context deadline exceeded": func(t *testing.T) error {
			url, ca := serveTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client disconnects
				<-r.Context().Done()
			}))
			return refusedBy(t, url, ca)
		},
		"EOF": func(t *testing.T) error {
			url, ca := serveTLS(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				panic(http.ErrAbortHandler)
			}))
			return refusedBy(t, url, ca)
		},
		"service not found": func(t *testing.T) error {
			return refusedByService(t, "nobody")
		},
		"no endpoints available": func(t *testing.T) error {
			service := &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: "idle"},
				Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}},
			}
			if _, err := suite.client.CoreV1().Services("default").Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
				return err
			}
			t.Cleanup(func() {
				if err := suite.client.CoreV1().Services("default").Delete(context.Background(), "idle", metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			})
			return refusedByService(t, "idle")
		},
		"x509: certificate signed by unknown authority": func(t *testing.T) error {
			url, _ := serveTLS(t, http.NotFoundHandler())
			_, another := expiredServer(t)
			return refusedBy(t, url, another)
		},
		"x509: certificate is valid for …, not …": func(t *testing.T) error {
			url, ca := serveTLS(t, http.NotFoundHandler())
			return refusedBy(t, strings.Replace(url, "127.0.0.1", "localhost", 1), ca)
		},
		"x509: certificate has expired or is not yet valid": func(t *testing.T) error {
			url, ca := expiredServer(t)
			return refusedBy(t, url, ca)
		},
		"unable to load root certificates": func(t *testing.T) error {
			url, _ := serveTLS(t, http.NotFoundHandler())
			return refusedBy(t, url, []byte("garbage"))
		},
		"the server could not find the requested resource": func(t *testing.T) error {
			url, ca := serveTLS(t, http.NotFoundHandler())
			return refusedBy(t, url, ca)
		},
		"an error on the server": func(t *testing.T) error {
			i := startBlindInjector(t)
			return refusedBy(t, i.url, i.ca)
		},
		"the server is currently unable to handle the request": func(t *testing.T) error {
			url, ca := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "overload", http.StatusServiceUnavailable)
			}))
			return refusedBy(t, url, ca)
		},
		"denied the request": func(t *testing.T) error {
			installed(t)
			pod := appPod("web")
			pod.Annotations[requestAnnotation] = "log-colector"
			_, err := create(t.Context(), enabledNamespace(t), "Pod", pod)
			return err
		},
		"exceeded quota": func(t *testing.T) error {
			return overQuota(t, corev1.ResourceRequestsMemory, "8Mi")
		},
		"failed quota: must specify": func(t *testing.T) error {
			return overQuota(t, corev1.ResourceLimitsCPU, "1")
		},
		"must be less than or equal to cpu limit": func(t *testing.T) error {
			return outsideLimits(t, corev1.LimitRangeItem{Default: corev1.ResourceList{corev1.ResourceCPU: quantity("5m")}})
		},
		"minimum memory usage per Container": func(t *testing.T) error {
			return outsideLimits(t, corev1.LimitRangeItem{Min: corev1.ResourceList{corev1.ResourceMemory: quantity("64Mi")}})
		},
		guardSays: func(t *testing.T) error {
			needsServed(t, policiesVersion, "validatingadmissionpolicies")
			installChart(t, "--set", "webhook.failurePolicy=Ignore,guard=Deny") // no injector runs
			namespace := enabledNamespace(t)
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
				if _, err := create(ctx, namespace, "Pod", askingPodOf("log-collector"), "dryRun=All"); err == nil {
					return errors.New("the guard is not in force")
				}
				return nil
			}))
			_, err := create(t.Context(), namespace, "Pod", askingPodOf("log-collector"))
			return err
		},
		"violates PodSecurity": func(t *testing.T) error {
			installed(t)
			namespace := newNamespace(t, map[string]string{injectionLabel: "enabled", "pod-security.kubernetes.io/enforce": "restricted"}, nil)
			// The app complies with the level, the sidecar of this suite does not.
			_, err := create(t.Context(), namespace, "Pod", restrictedPod("web"))
			return err
		},
	}
	quoted := messages(t)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(provoked)), slices.Sorted(maps.Keys(quoted))); diff != "" {
		t.Errorf("messages (-provoked +quoted):\n%s", diff)
	}
	for heading, provoke := range provoked {
		t.Run(heading, func(t *testing.T) {
			err := provoke(t)
			if err == nil {
				t.Fatal("the pod was admitted")
			}
			if !says(quoted[heading], err.Error()) {
				t.Errorf("the API server says\n%s\nand docs/troubleshooting.md\n%s", err, quoted[heading])
			}
		})
	}
}

// TestAReplicaSetTellsWhyItHasNoPods: the events of a ReplicaSet are where most users see these messages.
func TestAReplicaSetTellsWhyItHasNoPods(t *testing.T) {
	t.Parallel()
	install(t, failing(t, "https://"+freeAddress(t), nil))
	namespace := enabledNamespace(t)
	pod := appPod("web")
	pod.Labels = map[string]string{"app": "web"}
	deployment := object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "web"},
		"spec": object{
			"selector": object{"matchLabels": pod.Labels},
			"template": object{"metadata": object{"labels": pod.Labels, "annotations": pod.Annotations}, "spec": pod.Spec},
		},
	}
	if _, err := create(t.Context(), namespace, "Deployment", deployment); err != nil {
		t.Fatal(err)
	}
	_, err := podOf(t, namespace)
	if want := messages(t)["connection refused"]; err == nil || !says(want, err.Error()) {
		t.Errorf("the ReplicaSet's event says %v, want %s", err, want)
	}
}

// failing returns the chart's configuration for an injector that does not answer correctly.
func failing(t *testing.T, url string, ca []byte) *admissionregistration.MutatingWebhookConfiguration {
	t.Helper()
	configuration := webhookConfiguration(t, url, ca)
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].TimeoutSeconds = new(int32(1))
	}
	return configuration
}

// refusedBy creates a pod that a webhook at the address reviews, and returns the error.
func refusedBy(t *testing.T, url string, ca []byte) error {
	t.Helper()
	install(t, failing(t, url, ca))
	_, err := create(t.Context(), enabledNamespace(t), "Pod", appPod("web"))
	return err
}

// refusedByService creates a pod that a webhook behind a Service reviews, and returns the error.
func refusedByService(t *testing.T, name string) error {
	t.Helper()
	configuration := failing(t, "", nil)
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig = admissionregistration.WebhookClientConfig{
			Service: &admissionregistration.ServiceReference{Namespace: "default", Name: name, Path: new("/mutate")},
		}
	}
	install(t, configuration)
	namespace := enabledNamespace(t)
	var refused error
	// The API server has its own watch of Services.
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		_, refused = create(ctx, namespace, "Pod", appPod("web"))
		if refused != nil && strings.Contains(refused.Error(), `service "idle" not found`) {
			return refused
		}
		return nil
	})
	return errors.Join(err, refused)
}

// expiredServer starts a server with an expired certificate.
func expiredServer(t *testing.T) (url string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	must(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// overQuota creates a pod whose sidecar exceeds a quota.
func overQuota(t *testing.T, resource corev1.ResourceName, hard string) error {
	t.Helper()
	installed(t)
	namespace := enabledNamespace(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "quota"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{resource: quantity(hard)}},
	}
	if _, err := suite.client.CoreV1().ResourceQuotas(namespace).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		return err
	}
	return untilRefused(t, namespace, func(message string) bool { return !strings.Contains(message, "status unknown for quota") })
}

// outsideLimits creates a pod whose sidecar violates a LimitRange.
func outsideLimits(t *testing.T, limit corev1.LimitRangeItem) error {
	t.Helper()
	installed(t)
	namespace := enabledNamespace(t)
	limit.Type = corev1.LimitTypeContainer
	limits := &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "limits"},
		Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{limit}},
	}
	if _, err := suite.client.CoreV1().LimitRanges(namespace).Create(t.Context(), limits, metav1.CreateOptions{}); err != nil {
		return err
	}
	return untilRefused(t, namespace, func(string) bool { return true })
}

// untilRefused creates a pod by dry run until the admission plugin that has to refuse it has received its
// configuration object.
func untilRefused(t *testing.T, namespace string, meant func(message string) bool) (refused error) {
	t.Helper()
	pod := appPod("web")
	pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: quantity("1m"), corev1.ResourceMemory: quantity("64Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceCPU: quantity("1"), corev1.ResourceMemory: quantity("64Mi")},
	}
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		if _, refused = create(ctx, namespace, "Pod", pod, "dryRun=All"); refused == nil || !meant(refused.Error()) {
			return errors.New("the pod is not refused yet")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}
