package certs

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/util/keyutil"
)

// newFiles returns a certificate of another authority, as another program would provide it.
func (w *world) newFiles() *Files {
	w.t.Helper()
	authority, err := newAuthority(w.now, storedLife)
	w.must(err)
	leaf, err := NewLeaf(authority, []string{serviceHost("injector", "system")}, func() time.Time { return w.now })
	w.must(err)
	cert, err := leaf.certificate()
	w.must(err)
	longer := *cert.Leaf
	longer.NotAfter = authority.cert.NotAfter
	issued, err := create(&longer, authority.cert, cert.Leaf.PublicKey, authority.key)
	w.must(err)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	w.must(err)
	dir := w.t.TempDir()
	for name, text := range map[string][]byte{
		certificateKey: encodeCertificates([]*x509.Certificate{issued}),
		privateKeyKey:  pem.EncodeToMemory(&pem.Block{Type: keyutil.PrivateKeyBlockType, Bytes: key}),
		trustedKey:     authority.Bundle(),
	} {
		w.must(os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	files, err := NewFiles(dir)
	w.must(err)
	return files
}

// TestTheCertificateMayComeFromElsewhereWithoutALoss simulates an upgrade that changes the source of the
// certificate. The old replica holds the lease and is not terminated before the new one is ready; then the
// new one takes over, or the upgrade is rolled back.
func TestTheCertificateMayComeFromElsewhereWithoutALoss(t *testing.T) {
	type kind func(w *world) *Files
	made := func(*world) *Files { return nil }
	provided := func(w *world) *Files { return w.newFiles() }
	for name, c := range map[string]struct{ from, to kind }{
		"made here, then provided":  {made, provided},
		"provided, then made here":  {provided, made},
		"provided by somebody else": {provided, provided},
		"nothing changes":           {made, made},
	} {
		for end, back := range map[string]bool{"done": false, "taken back": true} {
			t.Run(name+", "+end, func(t *testing.T) {
				w, random := newWorld(t, 0), seeded()
				w.lend = true
				before := w.newMemberOf(c.from(w))
				w.replicas = []*member{before}
				w.createSecret() // as the chart renders it
				w.pass(random, before, 2*overlap, time.Hour, nil)

				after := w.newMemberOf(c.to(w))
				w.replicas = append(w.replicas, after)
				w.pass(random, before, 8*look, look, w.neverLost(before))
				if err := after.Ready(); err != nil {
					t.Fatalf("never ready beside a leader that makes its certificate otherwise: %v", err)
				}
				// Both replicas serve for as long as the rollout takes.
				w.pass(random, before, overlap/3, time.Hour, w.neverLost(before, after))
				stays, goes := after, before
				if back {
					stays, goes = before, after
				}
				w.pass(random, stays, overlap/3, time.Hour, w.neverLost(stays, goes))
				w.replicas = []*member{stays}
				w.pass(random, stays, 2*overlap, time.Hour, w.neverLost(stays))
				for _, h := range w.live() {
					if n := len(decodeCertificates(h.bundle)); n != 1 {
						t.Errorf("%s: %d authorities, long after", &h, n)
					}
				}
			})
		}
	}
}
