//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mount is a Secret as mounted by a kubelet: files are links into ..data, which is itself a link that is
// replaced at each change.
type mount struct {
	t     *testing.T
	dir   string
	turns int
}

func newMount(t *testing.T, files map[string][]byte) *mount {
	t.Helper()
	m := &mount{t: t, dir: t.TempDir()}
	m.turn(files)
	for name := range files {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
	}
	return m
}

// turn replaces all files atomically and removes the old ones.
func (m *mount) turn(files map[string][]byte) {
	m.t.Helper()
	link := filepath.Join(m.dir, "..data")
	before, _ := os.Readlink(link) // none at first
	m.turns++
	data := fmt.Sprintf("..%d", m.turns)
	must(m.t, os.Mkdir(filepath.Join(m.dir, data), 0o700))
	for name, content := range files {
		must(m.t, os.WriteFile(filepath.Join(m.dir, data, name), content, 0o600))
	}
	must(m.t, os.Symlink(data, link+"_tmp"))
	must(m.t, os.Rename(link+"_tmp", link))
	if before != "" {
		must(m.t, os.RemoveAll(filepath.Join(m.dir, before)))
	}
}

// madeElsewhere returns the data of a Secret as made by another issuer: a certificate for this machine, with
// its CA.
func madeElsewhere(t *testing.T, number int64) map[string][]byte {
	t.Helper()
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: fmt.Sprintf("authority %d", number)},
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authority, err := x509.CreateCertificate(rand.Reader, template, template, authorityKey.Public(), authorityKey)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, template, key.Public(), authorityKey)
	must(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return map[string][]byte{"tls.crt": block("CERTIFICATE", leaf), "tls.key": block("PRIVATE KEY", text), "ca.crt": block("CERTIFICATE", authority)}
}

// TestACertificateFromFilesIsReadAgainWithoutLosingAPod: certificate mode provided, with another CA at each
// change.
func TestACertificateFromFilesIsReadAgainWithoutLosingAPod(t *testing.T) {
	i := newInstallation(t)
	t.Parallel() // mostly waits
	first, second := madeElsewhere(t, 1), madeElsewhere(t, 2)
	m := newMount(t, first)
	a := i.start("a", "127.0.0.1", "--certificate-dir", m.dir)
	i.create(i.configuration(a.url))
	i.waitInjects()
	waitReady(t, a)
	if _, err := i.leader(t.Context()); err != nil {
		t.Error(err)
	}

	pods := i.createPods(t)
	m.turn(second)
	must(t, eventually(t.Context(), patience, func(context.Context) error { return a.servesLeafOf(second["ca.crt"]) }))
	for _, webhook := range i.live().Webhooks {
		if bundle := webhook.ClientConfig.CABundle; !bytes.HasPrefix(bundle, second["ca.crt"]) || !bytes.Contains(bundle, first["ca.crt"]) {
			t.Errorf("webhook %s: want the new authority and, for a while, the old one", webhook.Name)
		}
	}
	// A key that does not match the certificate: the previous pair stays in use.
	m.turn(map[string][]byte{"tls.crt": first["tls.crt"], "tls.key": second["tls.key"], "ca.crt": second["ca.crt"]})
	must(t, eventually(t.Context(), patience, func(context.Context) error {
		log, err := os.ReadFile(a.log)
		if err == nil && !bytes.Contains(log, []byte("private key does not match public key")) {
			err = errors.New("the log says nothing of the key")
		}
		return err
	}))
	waitReady(t, a)
	must(t, a.servesLeafOf(second["ca.crt"]))
	pods.stop(t)
}

// TestABundleOfCertManagersIsLeftToIt: the injector does not write a CA bundle that cert-manager manages, and
// the readiness message says who does.
func TestABundleOfCertManagersIsLeftToIt(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	files := madeElsewhere(t, 3)
	a := i.start("a", "127.0.0.1", "--certificate-dir", newMount(t, files).dir)
	configuration := i.configuration(a.url)
	configuration.Annotations = map[string]string{"cert-manager.io/inject-ca-from": i.namespace + "/" + i.name}
	i.create(configuration)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		err := a.ready(ctx)
		if err == nil || !strings.Contains(err.Error(), "caBundle: empty; the annotation cert-manager.io/inject-ca-from leaves it to others") {
			return fmt.Errorf("want it to wait for cert-manager: %w", err)
		}
		return nil
	}))
	_, err := i.leader(t.Context())
	must(t, err)
	live := i.live()
	for n := range live.Webhooks {
		if len(live.Webhooks[n].ClientConfig.CABundle) > 0 {
			t.Errorf("webhook %s: the injector wrote the bundle", live.Webhooks[n].Name)
		}
	}
	i.setBundles(files["ca.crt"]) // cainjector writes the bundle
	i.waitInjects()
	waitReady(t, a)
}
