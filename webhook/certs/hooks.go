package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	certutil "k8s.io/client-go/util/cert"
)

// Kinds of webhook configurations.
const (
	mutating   = "MutatingWebhookConfiguration"
	validating = "ValidatingWebhookConfiguration"
)

// hook is one of our webhooks in a webhook configuration.
type hook struct {
	configuration *metav1.ObjectMeta
	kind          string // kind of the configuration
	name          string
	host          string // the server name for which the API server verifies the certificate
	bundle        []byte
}

func (h *hook) String() string {
	return fmt.Sprintf("%s %s, webhook %s", h.kind, h.configuration.Name, h.name)
}

// hooksOf returns the webhooks of a configuration that call one of our hosts. Webhooks of other servers
// that somebody added to the configuration are left alone.
func hooksOf(configuration any, hosts []string) []hook {
	var found []hook
	add := func(kind string, meta *metav1.ObjectMeta, name string, client *admissionregistration.WebhookClientConfig) {
		if host := hostOf(client); slices.Contains(hosts, host) {
			found = append(found, hook{meta, kind, name, host, client.CABundle})
		}
	}
	switch c := configuration.(type) {
	case *admissionregistration.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			add(mutating, &c.ObjectMeta, c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
		}
	case *admissionregistration.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			add(validating, &c.ObjectMeta, c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
		}
	}
	return found
}

// hostOf returns the server name that the API server expects in the certificate; "" if there is none.
func hostOf(client *admissionregistration.WebhookClientConfig) string {
	if client.Service != nil {
		return serviceHost(client.Service.Name, client.Service.Namespace)
	}
	if client.URL == nil {
		return ""
	}
	address, err := url.Parse(*client.URL)
	if err != nil {
		return ""
	}
	return address.Hostname()
}

func serviceHost(name, namespace string) string { return name + "." + namespace + ".svc" }

// injectors returns the annotations by which another controller is told to write the bundles of a
// configuration. If the Keeper wrote them as well, both would overwrite each other forever.
func injectors() []string {
	return []string{
		"cert-manager.io/inject-ca-from",
		"cert-manager.io/inject-ca-from-secret",
		"cert-manager.io/inject-apiserver-ca",
		"service.beta.openshift.io/inject-cabundle",
	}
}

// writtenByOthers returns the annotation by which another controller writes the bundle; "" if there is
// none.
func (h *hook) writtenByOthers() string {
	for _, name := range injectors() {
		if _, ok := h.configuration.Annotations[name]; ok {
			return name
		}
	}
	return ""
}

// errEmptyBundle is the error of accepts for a webhook without a bundle.
var errEmptyBundle = errors.New("caBundle: empty")

// accepts returns why the API server would reject a certificate for this webhook, or nil if it would accept
// it.
func (h *hook) accepts(cert *tls.Certificate, now time.Time) error {
	if len(h.bundle) == 0 {
		return errEmptyBundle
	}
	// Like the API server, reject the whole bundle if one certificate is malformed.
	roots, err := certutil.NewPoolFromBytes(h.bundle)
	if err != nil {
		return errors.New("caBundle: cannot be read")
	}
	intermediates := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(c)
		}
	}
	_, err = cert.Leaf.Verify(x509.VerifyOptions{DNSName: h.host, Roots: roots, Intermediates: intermediates, CurrentTime: now})
	if err != nil {
		return fmt.Errorf("caBundle: does not verify the certificate that is served here: %w", err)
	}
	return nil
}

// writeBundles writes the bundles of the given webhooks of one configuration, and nothing else. It uses a
// strategic merge patch: with server-side apply, a webhook that an upgrade of the chart removes would
// remain with only this field, which is invalid, and every later upgrade would fail. The resource version
// keeps the patch from re-adding a webhook that is being removed at the same time.
func writeBundles(ctx context.Context, client kubernetes.Interface, kind string, meta *metav1.ObjectMeta, bundles map[string][]byte) error {
	type clientConfig struct {
		CABundle []byte `json:"caBundle"`
	}
	type webhook struct {
		Name         string       `json:"name"`
		ClientConfig clientConfig `json:"clientConfig"`
	}
	var patch struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Webhooks []webhook `json:"webhooks"`
	}
	patch.Metadata.ResourceVersion = meta.ResourceVersion
	for _, name := range slices.Sorted(maps.Keys(bundles)) {
		patch.Webhooks = append(patch.Webhooks, webhook{name, clientConfig{bundles[name]}})
	}
	text, err := json.Marshal(&patch)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: fieldManager}
	if kind == mutating {
		_, err = client.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(ctx, meta.Name, types.StrategicMergePatchType, text, options)
	} else {
		_, err = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx, meta.Name, types.StrategicMergePatchType, text, options)
	}
	return err
}
