package certs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

// epoch is the start of the simulations.
var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster with replicas and a simulated clock.
type world struct {
	t        *testing.T
	now      time.Time // the correct time
	client   kubernetes.Interface
	replicas []*member
	lend     bool // replicas also run their lenders
}

// member is a replica in the simulation.
type member struct {
	*Installation
	ahead    time.Duration // how far its clock is ahead
	registry *prometheus.Registry
	lender   *lender
}

func newWorld(t *testing.T, replicas int) *world {
	w := &world{t: t, now: epoch, client: fake.NewClientset()}
	w.createConfigurations()
	for range replicas {
		w.replicas = append(w.replicas, w.newMember())
	}
	return w
}

// newMember adds a replica whose watches have the present state of the API server.
func (w *world) newMember() *member { return w.newMemberOf(nil) }

// newMemberOf adds a replica whose certificate is from files, unless that is nil.
func (w *world) newMemberOf(files *Files) *member {
	m := &member{registry: prometheus.NewRegistry()}
	m.Installation = NewInstallation(Options{
		Client: w.client, Namespace: "system", Name: "injector", Log: logr.Discard(), Metrics: NewMetrics(m.registry), Files: files,
		Now: func() time.Time { return w.now.Add(m.ahead) },
	})
	for _, watch := range m.watches {
		watch.seen = func() bool { return true }
	}
	admission := w.client.AdmissionregistrationV1()
	m.watches[0].object = func() any {
		return orNil(admission.MutatingWebhookConfigurations().Get(w.t.Context(), "injector", metav1.GetOptions{}))
	}
	m.watches[1].object = func() any {
		return orNil(admission.ValidatingWebhookConfigurations().Get(w.t.Context(), "injector", metav1.GetOptions{}))
	}
	m.lender = newLender(m.Installation)
	if files != nil {
		return m
	}
	m.secret.object = func() any {
		return orNil(w.client.CoreV1().Secrets("system").Get(w.t.Context(), "injector-ca", metav1.GetOptions{}))
	}
	return m
}

func orNil(object any, err error) any {
	if err != nil {
		return nil
	}
	return object
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) createConfigurations() {
	w.t.Helper()
	meta := metav1.ObjectMeta{Name: "injector"}
	client := admissionregistration.WebhookClientConfig{Service: &admissionregistration.ServiceReference{Name: "injector", Namespace: "system"}}
	_, err := w.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(w.t.Context(), &admissionregistration.MutatingWebhookConfiguration{
		ObjectMeta: meta,
		Webhooks:   []admissionregistration.MutatingWebhook{{Name: "namespaces.x.dev", ClientConfig: client}, {Name: "pods.x.dev", ClientConfig: client}},
	}, metav1.CreateOptions{})
	w.must(err)
	_, err = w.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(w.t.Context(), &admissionregistration.ValidatingWebhookConfiguration{
		ObjectMeta: meta,
		Webhooks:   []admissionregistration.ValidatingWebhook{{Name: "workloads.x.dev", ClientConfig: client}},
	}, metav1.CreateOptions{})
	w.must(err)
}

func (w *world) deleteConfigurations() {
	w.must(w.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(w.t.Context(), "injector", metav1.DeleteOptions{}))
	w.must(w.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(w.t.Context(), "injector", metav1.DeleteOptions{}))
}

// setBundles overwrites all bundles, as another writer would.
func (w *world) setBundles(bundle []byte) {
	client := w.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	c, err := client.Get(w.t.Context(), "injector", metav1.GetOptions{})
	w.must(err)
	for i := range c.Webhooks {
		c.Webhooks[i].ClientConfig.CABundle = bundle
	}
	_, err = client.Update(w.t.Context(), c, metav1.UpdateOptions{})
	w.must(err)
}

func (w *world) createSecret() {
	_, err := w.client.CoreV1().Secrets("system").Create(w.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "injector-ca"}}, metav1.CreateOptions{})
	w.must(err)
}

func (w *world) deleteSecret() {
	w.must(w.client.CoreV1().Secrets("system").Delete(w.t.Context(), "injector-ca", metav1.DeleteOptions{}))
}

func (w *world) secret() *corev1.Secret {
	secret, err := w.client.CoreV1().Secrets("system").Get(w.t.Context(), "injector-ca", metav1.GetOptions{})
	w.must(err)
	return secret
}

func (w *world) setSecret(data map[string][]byte) {
	secret := w.secret()
	secret.Data = data
	_, err := w.client.CoreV1().Secrets("system").Update(w.t.Context(), secret, metav1.UpdateOptions{})
	w.must(err)
}

// live returns the webhooks as they are in the cluster.
func (w *world) live() []hook { return w.replicas[0].hooks() }

// lost returns the replicas whose certificate the API server, whose clock is correct, would reject now.
func (w *world) lost() []string {
	var lost []string
	for n, m := range w.replicas {
		cert, err := m.serving.certificate()
		hooks := w.live()
		for i := range hooks {
			if err == nil {
				err = hooks[i].accepts(cert, w.now)
			}
		}
		if err != nil {
			lost = append(lost, fmt.Sprintf("replica %d: %v", n, err))
		}
	}
	return lost
}

// neverLost returns a function that fails the test if the API server would reject one of these replicas.
func (w *world) neverLost(replicas ...*member) func() {
	return func() {
		w.t.Helper()
		for n, m := range replicas {
			if err := m.Ready(); err != nil {
				w.t.Fatalf("at %s: replica %d: %v", w.now, n, err)
			}
		}
	}
}

// pass advances the clock in steps. In each step all replicas and the leader's Keeper act, in random order;
// each, if not nil, is called after each of them.
func (w *world) pass(random *rand.Rand, leader *member, duration, step time.Duration, each func()) {
	for end := w.now.Add(duration); w.now.Before(end); w.now = w.now.Add(step) {
		order := random.Perm(len(w.replicas) + 1)
		for _, n := range order {
			if n < len(w.replicas) {
				w.replicas[n].observe()
				if w.lend {
					_ = w.replicas[n].lender.look(w.t.Context()) // it reports the error and retries
				}
			} else if leader != nil {
				w.must(leader.keeper.keep(context.Background()))
			}
			if each != nil {
				each()
			}
		}
	}
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
