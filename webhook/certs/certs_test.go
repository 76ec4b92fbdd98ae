package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newLeaf(t *testing.T, now func() time.Time, hosts ...string) (*certs.Authority, *certs.Leaf) {
	t.Helper()
	authority, err := certs.NewAuthority(start)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := certs.NewLeaf(authority, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return authority, leaf
}

func serving(t *testing.T, leaf *certs.Leaf) *tls.Certificate {
	t.Helper()
	cert, err := leaf.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestBundleVerifiesTheLeafForEveryHost(t *testing.T) {
	authority, leaf := newLeaf(t, func() time.Time { return start }, "localhost", "127.0.0.1", "::1", "injector.example.svc")
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority.Bundle()) {
		t.Fatal("the bundle holds no certificate")
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "injector.example.svc"} {
		_, err := serving(t, leaf).Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: start})
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := serving(t, leaf).Leaf.Verify(x509.VerifyOptions{DNSName: "other", Roots: pool, CurrentTime: start}); err == nil {
		t.Error("the certificate verifies for a host that was not asked for")
	}
}

func TestLeafIsRenewedBeforeItExpiresUnderTheSameBundle(t *testing.T) {
	now := start
	authority, leaf := newLeaf(t, func() time.Time { return now }, "localhost")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Bundle())

	first := serving(t, leaf)
	now = start.Add(15 * time.Hour)
	if again := serving(t, leaf); again != first {
		t.Error("the certificate was renewed before two thirds of its life were over")
	}
	for range 10 {
		now = now.Add(13 * time.Hour)
		cert := serving(t, leaf)
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool, CurrentTime: now}); err != nil {
			t.Fatalf("at %s: %v", now, err)
		}
		if left := cert.Leaf.NotAfter.Sub(now); left < 6*time.Hour {
			t.Errorf("at %s the certificate served has only %s left", now, left)
		}
		for _, life := range leaf.Lives() {
			if life.Certificate == certs.ServingLife && !life.NotAfter.Equal(cert.Leaf.NotAfter) {
				t.Errorf("Lives() says %s, the certificate is valid until %s", life.NotAfter, cert.Leaf.NotAfter)
			}
		}
	}
}

func TestAuthorityCannotSignFurtherAuthorities(t *testing.T) {
	_, leaf := newLeaf(t, func() time.Time { return start }, "localhost")
	if serving(t, leaf).Leaf.IsCA {
		t.Error("the serving certificate is itself an authority")
	}
}

func TestLeafForNoHostIsRefused(t *testing.T) {
	authority, err := certs.NewAuthority(start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certs.NewLeaf(authority, nil, time.Now); err == nil {
		t.Error("a certificate for no host was issued")
	}
}

func TestConcurrentHandshakesAreGivenOneCertificate(t *testing.T) {
	_, leaf := newLeaf(t, func() time.Time { return start }, "localhost")
	want := serving(t, leaf)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := leaf.GetCertificate(nil); err != nil || got != want {
				t.Errorf("GetCertificate = %p, %v; want %p", got, err, want)
			}
		})
	}
	wg.Wait()
}
