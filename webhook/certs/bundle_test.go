package certs

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestABundleKeepsWhatMayBeInUseAndNothingElse(t *testing.T) {
	authorities := make([]*Authority, 12)
	for n := range authorities {
		var err error
		// Lower numbers are older.
		if authorities[n], err = newAuthority(epoch.Add(time.Duration(n)*time.Hour), storedLife); err != nil {
			t.Fatal(err)
		}
	}
	leaf, err := NewLeaf(authorities[0], []string{"a"}, func() time.Time { return epoch })
	if err != nil {
		t.Fatal(err)
	}
	served, err := leaf.certificate()
	if err != nil {
		t.Fatal(err)
	}
	of := func(numbers ...int) []byte {
		var text []byte
		for _, n := range numbers {
			text = append(text, authorities[n].Bundle()...)
		}
		return text
	}
	join := func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	garbage := []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	key := []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	fresh, old := time.Hour, overlap+time.Minute
	for _, c := range []struct {
		name   string
		live   []byte
		before []int
		age    time.Duration
		want   []byte
		reason Reason
	}{
		{"nothing is there", nil, nil, fresh, of(5), Empty},
		{"all is well", of(5), nil, old, of(5), Fine},
		{"another is there: for a while both", of(3), nil, fresh, of(5, 3), Incomplete},
		{"another is there, long after: ours alone", of(3), nil, old, of(5), Incomplete},
		{"both are there", of(5, 3), nil, fresh, of(5, 3), Fine},
		{"both are there, long after", of(5, 3), nil, old, of(5), Surplus},
		{"the one before ours was lost", of(5), []int{4}, fresh, of(5, 4), Surplus},
		{"in another order", of(3, 5), nil, fresh, of(5, 3), Surplus},
		{"twice", of(5, 3, 4, 3), []int{3}, fresh, of(5, 4, 3), Surplus},
		{"garbage", garbage, nil, fresh, of(5), Invalid},
		{"no PEM", []byte("certificate"), nil, fresh, of(5), Invalid},
		{"garbage beside it", join(garbage, of(5)), nil, fresh, of(5), Surplus},
		{"somebody's key beside it", join(of(5), key), nil, fresh, of(5), Surplus},
		{"a certificate that is no authority's", join(of(5), encodeCertificates([]*x509.Certificate{served.Leaf})), nil, fresh, of(5), Surplus},
		{"more than there is room for: the newest", of(0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11), nil, fresh, of(5, 11, 10, 9, 8, 7, 6, 4), Incomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &trust{ours: decodeCertificates(of(5)), before: decodeCertificates(of(c.before...))}
			tr.note(epoch, c.live)
			tr.note(epoch.Add(c.age), c.live)
			got, reason := tr.merge(c.live, epoch.Add(c.age))
			if reason != c.reason || !bytes.Equal(got, c.want) {
				t.Errorf("%q, %d certificates; want %q, %d", reason, len(decodeCertificates(got)), c.reason, len(decodeCertificates(c.want)))
			}
			if again, reason := tr.merge(got, epoch.Add(c.age)); reason != Fine || !bytes.Equal(again, got) {
				t.Errorf("a second time: %q", reason)
			}
		})
	}
}

func TestOurWebhooksAreThoseThatCallUs(t *testing.T) {
	service := func(name, namespace string) admissionregistration.WebhookClientConfig {
		return admissionregistration.WebhookClientConfig{Service: &admissionregistration.ServiceReference{Name: name, Namespace: namespace}}
	}
	url := func(text string) admissionregistration.WebhookClientConfig {
		return admissionregistration.WebhookClientConfig{URL: &text}
	}
	hosts := []string{"injector.system.svc", "10.0.0.7", "::1", "injector.example.com"}
	for _, c := range []struct {
		client admissionregistration.WebhookClientConfig
		want   string
	}{
		{service("injector", "system"), "injector.system.svc"},
		{service("injector", "other"), ""},
		{service("other", "system"), ""},
		{url("https://injector.example.com/mutate"), "injector.example.com"},
		{url("https://10.0.0.7:9443/mutate"), "10.0.0.7"},
		{url("https://[::1]:9443/mutate"), "::1"},
		{url("https://proxy.example.com/mutate"), ""},
		{url("https://%zz/"), ""},
		{admissionregistration.WebhookClientConfig{}, ""},
	} {
		configuration := &admissionregistration.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "injector"},
			Webhooks:   []admissionregistration.ValidatingWebhook{{Name: "a.x.dev", ClientConfig: c.client}},
		}
		got := ""
		if hooks := hooksOf(configuration, hosts); len(hooks) > 0 {
			got = hooks[0].host
		}
		if got != c.want {
			t.Errorf("%+v: host %q, want %q", c.client, got, c.want)
		}
	}
	if hooks := hooksOf(nil, hosts); len(hooks) > 0 {
		t.Error("no configuration has webhooks")
	}
}
