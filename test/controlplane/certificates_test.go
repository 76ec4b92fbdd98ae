//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// TestAnInstallationMakesItsOwnCertificates: the chart renders the Secret without data and the configuration
// without a CA bundle.
func TestAnInstallationMakesItsOwnCertificates(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.applyAsHelm("v1", "Secret", fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s-ca", i.namespace, i.name), object{"type": "Opaque"})
	a := i.start("a", "127.0.0.1")
	b := i.start("b", "127.0.0.1")
	waitReady(t, a, b) // there is no webhook configuration yet, so no bundle is missing
	i.create(i.configuration(a.url))
	i.waitInjects()
	waitReady(t, a, b)

	secret := i.secret()
	for _, key := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if !bytes.HasPrefix(secret.Data[key], []byte("-----BEGIN ")) {
			t.Errorf("Secret: %s holds no PEM", key)
		}
	}
	for _, webhook := range i.live().Webhooks {
		if !bytes.Equal(webhook.ClientConfig.CABundle, secret.Data["ca.crt"]) {
			t.Errorf("webhook %s: the bundle is not that of the Secret", webhook.Name)
		}
	}
	// Helm applies both again without conflicts, and the injector's values are kept.
	i.applyAsHelm("v1", "Secret", fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s-ca", i.namespace, i.name), object{"type": "Opaque"})
	if diff := cmp.Diff(secret.Data, i.secret().Data); diff != "" {
		t.Error("the Secret's data changed when it was applied again")
	}
}

// TestHelmMayTakeAWebhookOut: with server-side apply, a field owned by the injector would keep the webhook
// entry as an incomplete object, which the API server refuses.
func TestHelmMayTakeAWebhookOut(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	a := i.start("a", "127.0.0.1")
	path := "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + i.name
	configuration := i.configuration(a.url)
	apply := func(webhooks []admissionregistration.MutatingWebhook) {
		i.applyAsHelm("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", path, object{"webhooks": webhooks})
	}
	apply(configuration.Webhooks)
	t.Cleanup(func() {
		_ = suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(context.Background(), i.name, metav1.DeleteOptions{})
	})
	i.waitInjects()
	waitReady(t, a)
	apply(configuration.Webhooks[:1])
	if live := i.live().Webhooks; len(live) != 1 || len(live[0].ClientConfig.CABundle) == 0 {
		t.Errorf("want the first webhook alone, with its bundle: %v", live)
	}
	apply(configuration.Webhooks)
	waitReady(t, a)
}

// applyAsHelm is server-side apply without force, as Helm 4 does it.
func (i *installation) applyAsHelm(version, kind, path string, what object) {
	i.t.Helper()
	what["apiVersion"], what["kind"] = version, kind
	meta, _ := what["metadata"].(object)
	if meta == nil {
		meta = object{}
	}
	meta["name"] = path[strings.LastIndexByte(path, '/')+1:]
	what["metadata"] = meta
	text, err := yaml.Marshal(what)
	must(i.t, err)
	must(i.t, suite.client.CoreV1().RESTClient().Patch(types.ApplyPatchType).AbsPath(path).Param("fieldManager", "helm").Body(text).Do(i.t.Context()).Error())
}

// TestWhateverHappensToTheCertificatesHealsByItself: each row damages a running installation, which must then
// inject again without intervention.
func TestWhateverHappensToTheCertificatesHealsByItself(t *testing.T) {
	i := newInstallation(t)
	t.Parallel() // it waits, most of the time
	a := i.start("a", "127.0.0.1")
	b := i.start("b", "127.0.0.1")
	i.create(i.configuration(a.url))
	waitReady(t, a, b)
	i.waitInjects()

	secrets := suite.client.CoreV1().Secrets(i.namespace)
	configurations := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	otherKey := newKey(t)
	garbage := "-----BEGIN NONSENSE-----\nc2VjcmV0LWdhcmJhZ2U=\n-----END NONSENSE-----\nsecret-garbage\n"
	changeSecret := func(change func(*corev1.Secret)) error {
		secret := i.secret()
		change(secret)
		_, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
		return err
	}
	for _, c := range []struct {
		name, object, reason string
		do                   func() error
	}{
		{"the Secret is deleted", "authority", "absent", func() error {
			return secrets.Delete(t.Context(), i.name+"-ca", metav1.DeleteOptions{})
		}},
		{"the Secret is emptied", "authority", "empty", func() error {
			return changeSecret(func(s *corev1.Secret) { s.Data = nil })
		}},
		{"the Secret is filled with garbage", "authority", "invalid", func() error {
			return changeSecret(func(s *corev1.Secret) {
				s.Data = map[string][]byte{"tls.crt": []byte(garbage), "tls.key": []byte(garbage), "ca.crt": {0, 1, 255}}
			})
		}},
		{"the key in the Secret is another's", "authority", "invalid", func() error {
			return changeSecret(func(s *corev1.Secret) { s.Data["tls.key"] = otherKey })
		}},
		{"the bundles are emptied", "bundle", "empty", func() error { i.setBundles(nil); return nil }},
		{"the bundles are filled with garbage", "bundle", "invalid", func() error { i.setBundles([]byte(garbage)); return nil }},
		{"the configuration is made anew", "bundle", "empty", func() error {
			if err := configurations.Delete(t.Context(), i.name, metav1.DeleteOptions{}); err != nil {
				return err
			}
			_, err := configurations.Create(t.Context(), i.configuration(a.url), metav1.CreateOptions{})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			writes := func() string { return a.wrote(c.object, c.reason) + "+" + b.wrote(c.object, c.reason) }
			before := writes()
			begun := time.Now()
			must(t, c.do())
			must(t, eventually(t.Context(), 15*time.Second, func(ctx context.Context) error {
				if writes() == before {
					return errors.New("no write is counted")
				}
				return errors.Join(a.ready(ctx), b.ready(ctx), i.injects(ctx))
			}))
			t.Logf("healed in %s", time.Since(begun).Round(10*time.Millisecond))
		})
	}
	for _, r := range []*replica{a, b} {
		log, err := os.ReadFile(r.log)
		must(t, err)
		for _, secret := range []string{"secret-garbage", "NONSENSE", "c2VjcmV0", "PRIVATE KEY", strings.Fields(string(otherKey))[3]} {
			if bytes.Contains(log, []byte(secret)) {
				t.Errorf("the log of %s holds %q", r.pod, secret)
			}
		}
	}
}

// newKey returns a private key that matches no certificate.
func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestANewAuthorityLosesNoPod: pods are created continuously while the CA is replaced several times.
func TestANewAuthorityLosesNoPod(t *testing.T) {
	i := newInstallation(t)
	t.Parallel() // it waits, most of the time
	a := i.start("a", "127.0.0.1")
	configuration := i.configuration(a.url)
	i.create(configuration)
	waitReady(t, a)
	i.waitInjects()

	traffic := i.createPods(t)
	for range 2 {
		before := i.secret().Data["tls.crt"]
		must(t, suite.client.CoreV1().Secrets(i.namespace).Delete(t.Context(), i.name+"-ca", metav1.DeleteOptions{}))
		var authority []byte
		must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
			secret, err := suite.client.CoreV1().Secrets(i.namespace).Get(ctx, i.name+"-ca", metav1.GetOptions{})
			if err != nil {
				return err
			}
			authority = secret.Data["tls.crt"]
			return nil
		}))
		must(t, eventually(t.Context(), 30*time.Second, func(context.Context) error {
			for _, webhook := range i.live().Webhooks {
				if bundle := webhook.ClientConfig.CABundle; !bytes.Contains(bundle, before) || !bytes.Contains(bundle, authority) {
					return fmt.Errorf("webhook %s: the bundle does not hold the old and the new authority", webhook.Name)
				}
			}
			return nil
		}))
		must(t, eventually(t.Context(), 30*time.Second, func(context.Context) error { return a.servesLeafOf(authority) }))
	}
	traffic.stop(t)
}
