package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
)

const (
	// keepEvery is how often the Keeper checks everything when no change is reported.
	keepEvery = 30 * time.Second

	// calm is the shortest time between two checks. It doubles, up to calmMost, with each check that had to
	// write again, so that another writer of the same fields and the Keeper do not overload the API server.
	calm, calmMost = 200 * time.Millisecond, 2 * time.Second

	retryFirst, retryMost = time.Second, 30 * time.Second
)

// Keeper writes the authority's Secret and the bundles. It does not wait, neither for this replica to be
// ready nor for an object to exist: missing objects are skipped, and written once they exist. It reads from
// the API server, not from a watch, because a watch may be behind.
type Keeper struct {
	in      *Installation
	changed chan struct{}
	// lends restricts the Keeper to additions without which its own replica cannot be called.
	lends bool

	wrote bool // the last check wrote something
	trust trust
}

// Run corrects both until ctx is done. Errors are logged and retried.
func (k *Keeper) Run(ctx context.Context) error {
	k.trust = trust{} // another replica may have written since this one last held the lease
	retry, pause := retryFirst, calm
	for {
		wait := keepEvery
		if err := k.keep(ctx); apierrors.IsConflict(err) {
			wait = pause // another writer was faster; check again
		} else if err != nil && ctx.Err() == nil {
			k.in.Log.Error(err, "certificates not kept", "retryIn", retry.String())
			wait, retry = retry, min(2*retry, retryMost)
		} else {
			retry = retryFirst
		}
		pause = min(2*pause, calmMost)
		if !k.wrote {
			pause = calm
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(0, wait-pause)):
		case <-k.changed:
		}
	}
}

// keep checks everything once and writes what differs.
func (k *Keeper) keep(ctx context.Context) error {
	k.wrote = false
	if err := k.look(ctx); err != nil || len(k.trust.ours) == 0 {
		return err
	}
	client := k.in.Client.AdmissionregistrationV1()
	var errs []error
	var found [][]hook
	var bundles [][]byte
	read := func(kind string, configuration any, err error) {
		if err == nil {
			hooks := slices.DeleteFunc(hooksOf(configuration, k.in.hosts), func(h hook) bool { return h.writtenByOthers() != "" })
			found = append(found, hooks)
			for i := range hooks {
				bundles = append(bundles, hooks[i].bundle)
			}
		} else if !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("%s %s: %w", kind, k.in.Name, err))
		}
	}
	m, err := client.MutatingWebhookConfigurations().Get(ctx, k.in.Name, metav1.GetOptions{})
	read(mutating, m, err)
	v, err := client.ValidatingWebhookConfigurations().Get(ctx, k.in.Name, metav1.GetOptions{})
	read(validating, v, err)
	k.trust.note(k.in.Now(), bundles...)
	for _, hooks := range found {
		errs = append(errs, k.keepBundles(ctx, hooks))
	}
	return errors.Join(errs...)
}

// look sets k.trust to the authorities that the bundles have to contain.
func (k *Keeper) look(ctx context.Context) error {
	if k.in.Files != nil {
		list, err := k.in.Files.authorities()
		k.trust.ours = list
		return err
	}
	s, err := k.authority(ctx)
	if err != nil {
		return err
	}
	k.trust.ours, k.trust.before = []*x509.Certificate{s.authority.cert}, s.previous
	return nil
}

// authority returns the content of the Secret, after replacing it if necessary.
func (k *Keeper) authority(ctx context.Context) (*stored, error) {
	what := k.in.secret.what
	secrets := k.in.Client.CoreV1().Secrets(k.in.Namespace)
	name := k.in.Name + "-ca"
	live, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	s, reason, fault := judge(live, k.in.Now())
	if reason == Fine {
		if fault = k.in.serves(s.authority); fault == nil {
			return s, nil
		}
		reason = Invalid
	}
	switch {
	case k.lends && reason == Due:
		return s, nil
	case k.lends && (reason == Expired || reason == NotYetValid):
		// This may be due to a wrong clock of this replica.
		return nil, fmt.Errorf("%s: %w", what, fault)
	}
	if s, err = successor(s, k.in.Now()); err != nil {
		return nil, err
	}
	if err := k.writeAuthority(ctx, live, name, s); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	k.wrote = true
	k.in.Metrics.wrote("authority", reason)
	k.in.Log.Info("certificate authority made", "secret", name, "because", string(reason), "found", fault.Error(),
		"authority", fmt.Sprintf("%x", s.authority.cert.SubjectKeyId), "notAfter", stamp(s.authority.cert.NotAfter))
	return s, nil
}

// writeAuthority creates or updates the Secret. Server-side apply does both, leaves the fields of other
// managers alone, and needs the right to create this one name only.
func (k *Keeper) writeAuthority(ctx context.Context, live *corev1.Secret, name string, s *stored) error {
	data, err := s.data()
	if err != nil {
		return err
	}
	secret := corev1apply.Secret(name, k.in.Namespace).WithData(data)
	if live != nil {
		secret.WithResourceVersion(live.ResourceVersion)
	}
	_, err = k.in.Client.CoreV1().Secrets(k.in.Namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// keepBundles writes those bundles of one configuration that differ from what merge returns.
func (k *Keeper) keepBundles(ctx context.Context, hooks []hook) error {
	bundles, reasons := map[string][]byte{}, map[string]Reason{}
	for i := range hooks {
		if bundle, reason := k.trust.merge(hooks[i].bundle, k.in.Now()); reason != Fine && (reason != Surplus || !k.lends) {
			bundles[hooks[i].name], reasons[hooks[i].name] = bundle, reason
		}
	}
	if len(bundles) == 0 {
		return nil
	}
	kind, meta := hooks[0].kind, hooks[0].configuration
	if err := writeBundles(ctx, k.in.Client, kind, meta, bundles); err != nil {
		return fmt.Errorf("%s %s: %w", kind, meta.Name, err)
	}
	k.wrote = true
	for name, reason := range reasons {
		k.in.Metrics.wrote("bundle", reason)
		k.in.Log.Info("CA bundle written", "configuration", kind+" "+meta.Name, "webhook", name, "because", string(reason))
	}
	return nil
}
