package certs

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTwoYearsLoseNothing simulates two years in which authorities and leaves are renewed many times,
// replicas are replaced and the leader changes; at no time would the API server reject a replica's
// certificate.
func TestTwoYearsLoseNothing(t *testing.T) {
	w, random := newWorld(t, 2), seeded()
	w.lend = true
	w.pass(random, w.replicas[0], time.Minute, look, nil)
	authorities := map[string]bool{}
	never := func() {
		t.Helper()
		if lost := w.lost(); len(lost) > 0 {
			t.Fatalf("at %s: %v", w.now, lost)
		}
	}
	for day := range 2 * 365 {
		leader := w.replicas[random.IntN(len(w.replicas))]
		before := string(w.secret().Data[certificateKey])
		w.pass(random, leader, 24*time.Hour, 24*time.Hour, nil)
		never()
		if now := string(w.secret().Data[certificateKey]); now != before || day%60 == 0 {
			authorities[now] = true
			w.pass(random, leader, 2*settle, look, never)
		}
		if day%50 == 7 {
			n := random.IntN(len(w.replicas))
			w.replicas[n] = w.newMember()
			w.replicas[n].observe() // a replica is called only once it is ready
			never()
		}
	}
	if n := len(authorities); n < 3 || n > 4 {
		t.Errorf("%d authorities in two years, want one for each 8 to 9 months", n)
	}
	if n := len(decodeCertificates(w.live()[0].bundle)); n != 1 {
		t.Errorf("%d authorities in the bundle, long after the last change", n)
	}
}

// TestEveryFaultHealsWithinSeconds applies one fault after another to a running installation.
func TestEveryFaultHealsWithinSeconds(t *testing.T) {
	w, random := newWorld(t, 2), seeded()
	w.lend = true
	leader := w.replicas[0]
	w.pass(random, leader, time.Minute, look, nil)
	garbage := []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	other, err := newAuthority(epoch, storedLife)
	w.must(err)
	faults := []struct {
		name string
		do   func()
		// harmless faults break no call even before they are repaired
		harmless bool
	}{
		{"the Secret is deleted", w.deleteSecret, true},
		{"the Secret is emptied", func() { w.setSecret(nil) }, true},
		{"the Secret is garbage", func() { w.setSecret(map[string][]byte{certificateKey: garbage, privateKeyKey: garbage}) }, true},
		{"the Secret lacks its key", func() {
			data := w.secret().Data
			delete(data, privateKeyKey)
			w.setSecret(data)
		}, true},
		{"the Secret's certificate is another's", func() {
			data := w.secret().Data
			data[certificateKey] = other.Bundle()
			w.setSecret(data)
		}, true},
		{"the Secret's certificate is no authority's", func() {
			cert, err := w.replicas[0].serving.certificate()
			w.must(err)
			data := w.secret().Data
			data[certificateKey] = encodeCertificates([]*x509.Certificate{cert.Leaf})
			w.setSecret(data)
		}, true},
		{"the Secret's authority may not sign for servers", func() {
			template := *other.cert
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			limited, err := create(&template, &template, other.key.Public(), other.key)
			w.must(err)
			data, err := (&stored{authority: &Authority{limited, other.key}}).data()
			w.must(err)
			w.setSecret(data)
		}, true},
		{"another authority is put into the Secret", func() {
			data, err := (&stored{authority: other}).data()
			w.must(err)
			w.setSecret(data)
		}, true},
		{"the bundles are emptied", func() { w.setBundles(nil) }, false},
		{"the bundles are garbage", func() { w.setBundles(garbage) }, false},
		{"there is garbage beside the bundle", func() { w.setBundles(append(garbage, w.live()[0].bundle...)) }, false},
		{"the bundles are another's", func() { w.setBundles(other.Bundle()) }, false},
		{"bundles and Secret are emptied", func() { w.setBundles(nil); w.setSecret(nil) }, false},
		{"the configurations are made anew", func() { w.deleteConfigurations(); w.createConfigurations() }, false},
		{"everything is deleted", func() { w.deleteConfigurations(); w.deleteSecret(); w.createConfigurations() }, false},
	}
	for range 2 {
		for _, n := range random.Perm(len(faults)) {
			fault := faults[n]
			var each func()
			if fault.harmless {
				each = func() {
					if lost := w.lost(); len(lost) > 0 {
						t.Fatalf("%s: %v", fault.name, lost)
					}
				}
			}
			fault.do()
			w.pass(random, leader, 2*look, look, each)
			if lost := w.lost(); len(lost) > 0 {
				t.Errorf("%s: not healed: %v", fault.name, lost)
			}
			for n, m := range w.replicas {
				hooks := m.hooks()
				for i := range hooks {
					if refusals(m.serving.held, hooks[i:i+1], nil, w.now) > 0 {
						t.Errorf("%s: replica %d: %s", fault.name, n, &hooks[i])
					}
				}
			}
			w.pass(random, leader, time.Duration(random.IntN(48))*time.Hour, 8*time.Hour, nil)
			w.pass(random, leader, time.Minute, look, nil)
		}
	}
}

// TestANewLeafWaitsForTheBundles: a replica may see a new authority long before the bundles contain it, or
// before API servers have seen those bundles.
func TestANewLeafWaitsForTheBundles(t *testing.T) {
	w, random := newWorld(t, 2), seeded()
	leader := w.replicas[0]
	w.pass(random, leader, time.Minute, look, nil)
	never := func() {
		if lost := w.lost(); len(lost) > 0 {
			t.Fatalf("at %s: %v", w.now, lost)
		}
	}
	before, err := w.replicas[1].serving.certificate()
	w.must(err)
	next, err := successor(nil, w.now)
	w.must(err)
	data, err := next.data()
	w.must(err)
	w.setSecret(data)
	w.pass(random, nil, 30*24*time.Hour, 6*time.Hour, never) // no leader for a month

	w.must(leader.keeper.keep(t.Context()))
	w.pass(random, leader, 8*time.Second, look, never)
	if after, err := w.replicas[1].serving.certificate(); err != nil || !bytes.Equal(after.Leaf.AuthorityKeyId, before.Leaf.AuthorityKeyId) {
		t.Errorf("the new leaf is served before API servers can have heeded the bundles: %v", err)
	}
	w.pass(random, leader, 6*time.Second, look, never)
	if after, err := w.replicas[1].serving.certificate(); err != nil || bytes.Equal(after.Leaf.AuthorityKeyId, before.Leaf.AuthorityKeyId) {
		t.Errorf("the new leaf is not served: %v", err)
	}
}

// TestAnAuthorityThatLeakedCanBeTakenOutAtOnce follows the manual steps of docs/operations.md.
func TestAnAuthorityThatLeakedCanBeTakenOutAtOnce(t *testing.T) {
	w, random := newWorld(t, 2), seeded()
	w.pass(random, w.replicas[0], time.Minute, look, nil)
	leaked := w.replicas[0].leaf.authority.cert
	w.deleteSecret()
	w.pass(random, w.replicas[0], 30*time.Second, look, nil)
	w.setBundles(nil)
	w.pass(random, w.replicas[0], look, look, nil)
	for _, h := range w.live() {
		if trusts := slices.ContainsFunc(decodeCertificates(h.bundle), leaked.Equal); trusts && h.kind == mutating {
			t.Errorf("%s: still trusts the authority that leaked", &h)
		}
	}
	if lost := w.lost(); len(lost) > 0 {
		t.Error(lost)
	}
}

// TestReadySaysInWordsWhatIsMissing checks the messages of Ready.
func TestReadySaysInWordsWhatIsMissing(t *testing.T) {
	w, random := newWorld(t, 1), seeded()
	m := w.replicas[0]
	other, err := newAuthority(epoch, storedLife)
	w.must(err)
	says := func(want string) {
		t.Helper()
		m.observe()
		got := "ready"
		if err := m.Ready(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	m.watches[1].seen = func() bool { return false }
	says("ValidatingWebhookConfiguration injector: not seen yet")
	m.watches[1].seen = m.watches[0].seen
	says("Secret system/injector-ca: is not there; the replica that holds the lease injector is to mend that")
	w.pass(random, m, look, look, nil)
	says("ready")
	w.setBundles(nil)
	says("MutatingWebhookConfiguration injector, webhook namespaces.x.dev: caBundle: empty")
	w.setBundles([]byte("garbage"))
	says("MutatingWebhookConfiguration injector, webhook namespaces.x.dev: caBundle: cannot be read")
	w.setBundles(other.Bundle())
	says("MutatingWebhookConfiguration injector, webhook namespaces.x.dev: caBundle: does not verify the certificate that is served here: x509: ")
	w.pass(random, m, look, look, nil)
	w.setSecret(map[string][]byte{certificateKey: []byte("garbage")})
	says("ready") // the served certificate is still valid
	w.deleteConfigurations()
	says("ready")
}

// TestABundleThatIsSomebodyElsesToWriteIsLeftAlone: two writers would overwrite each other forever.
func TestABundleThatIsSomebodyElsesToWriteIsLeftAlone(t *testing.T) {
	w, random := newWorld(t, 1), seeded()
	client := w.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	c, err := client.Get(t.Context(), "injector", metav1.GetOptions{})
	w.must(err)
	c.Annotations = map[string]string{"cert-manager.io/inject-ca-from": "system/injector"}
	_, err = client.Update(t.Context(), c, metav1.UpdateOptions{})
	w.must(err)
	w.pass(random, w.replicas[0], time.Minute, look, nil)
	for _, h := range w.live() {
		if empty := len(h.bundle) == 0; empty != (h.kind == mutating) {
			t.Errorf("%s: empty is %v", &h, empty)
		}
	}
}

// TestAClockThatIsAYearAheadHeals tests a wrong clock on all replicas, and then on the leader alone.
func TestAClockThatIsAYearAheadHeals(t *testing.T) {
	const year = 366 * 24 * time.Hour
	heals := func(t *testing.T, w *world, leader *member, lossless func(n int) bool) {
		t.Helper()
		w.pass(seeded(), leader, time.Minute, look, func() {
			cert := w.lost()
			for n := range w.replicas {
				for _, l := range cert {
					if lossless != nil && lossless(n) && l[:len("replica 0")] == fmt.Sprintf("replica %d", n) {
						t.Fatalf("at %s: %s", w.now, l)
					}
				}
			}
		})
	}
	t.Run("the whole cluster's jumps ahead, and back", func(t *testing.T) {
		w := newWorld(t, 2)
		w.lend = true
		heals(t, w, w.replicas[0], nil)
		for _, jump := range []time.Duration{year, -year, 10 * year, -10 * year} {
			w.now = w.now.Add(jump)
			w.pass(seeded(), w.replicas[0], 2*look, look, nil)
			if lost := w.lost(); len(lost) > 0 {
				t.Errorf("after a jump of %s: %v", jump, lost)
			}
		}
	})
	t.Run("the leader's is wrong: replicas with the right time lose nothing", func(t *testing.T) {
		w := newWorld(t, 3)
		w.lend = true
		heals(t, w, w.replicas[0], nil)
		w.replicas[0].ahead = year
		heals(t, w, w.replicas[0], func(n int) bool { return n > 0 })
		// The clock is corrected, or another replica leads.
		w.replicas[0].ahead = 0
		heals(t, w, w.replicas[1], func(n int) bool { return n > 0 })
		if lost := w.lost(); len(lost) > 0 {
			t.Errorf("after the clock was set right: %v", lost)
		}
	})
	t.Run("a replica's is wrong: the others lose nothing", func(t *testing.T) {
		w := newWorld(t, 3)
		w.lend = true
		heals(t, w, w.replicas[0], nil)
		w.replicas[2].ahead = year
		heals(t, w, w.replicas[0], func(n int) bool { return n < 2 })
		w.replicas[2].ahead = 0
		heals(t, w, w.replicas[0], func(n int) bool { return n < 2 })
		if lost := w.lost(); len(lost) > 0 {
			t.Errorf("after the clock was set right: %v", lost)
		}
	})
}
