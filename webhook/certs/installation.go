package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// fieldManager is the field manager of all writes.
	fieldManager = "sidecar-injector"

	// look is how often a replica checks its certificate when no change is reported.
	look = 2 * time.Second
)

// Options configure an Installation. All but Hosts and Files are required.
type Options struct {
	Client kubernetes.Interface
	// Namespace is the injector's namespace. Name is the name of its Service and of its webhook
	// configurations; the Secret is Name-ca.
	Namespace, Name string
	// Hosts are further DNS names and IP addresses by which the API server calls the webhook.
	Hosts []string
	// Files is the certificate if another program provides it; nil if the Installation signs its own.
	Files   *Files
	Now     func() time.Time
	Metrics *Metrics
	Log     logr.Logger
}

// Installation manages the certificate of one replica of an injector in a cluster.
type Installation struct {
	Options
	hosts   []string
	watches []*watch // configurations first
	secret  *watch   // nil with files
	serving serving
	keeper  *Keeper

	changed chan struct{}                   // signals this replica's loop in Run
	read    atomic.Pointer[tls.Certificate] // the certificate last loaded from Files

	mu    sync.Mutex
	fault error // what is wrong with the Secret; nil if nothing is
	leaf  *Leaf // signed by the authority in the Secret
}

// NewInstallation returns an Installation. It does not contact the API server before Run.
func NewInstallation(options Options) *Installation {
	in := &Installation{
		Options: options,
		hosts: append([]string{
			serviceHost(options.Name, options.Namespace), serviceHost(options.Name, options.Namespace) + ".cluster.local",
			options.Name + "." + options.Namespace, "localhost", "127.0.0.1", "::1",
		}, options.Hosts...),
		changed: make(chan struct{}, 1),
		fault:   errors.New("not seen yet"),
	}
	in.watches = []*watch{watchMutating(options.Client, options.Name), watchValidating(options.Client, options.Name)}
	if options.Files == nil {
		in.secret = watchSecret(options.Client, options.Namespace, options.Name+"-ca")
		in.watches = append(in.watches, in.secret)
	}
	in.keeper = &Keeper{in: in, changed: make(chan struct{}, 1)}
	return in
}

// Keeper returns the writer of the Secret and the bundles. Only one replica at a time may run it.
func (in *Installation) Keeper() *Keeper { return in.keeper }

// Run watches the cluster and updates the certificate until ctx is done.
func (in *Installation) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range in.watches {
		group.Go(func() error { return w.run(ctx, in.poke) })
	}
	if in.Files != nil {
		group.Go(func() error { return in.Files.Run(ctx) })
	}
	group.Go(func() error { return newLender(in).run(ctx) })
	group.Go(func() error {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		for {
			in.observe()
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			case <-in.changed:
			}
		}
	})
	return group.Wait()
}

// poke signals a change to this replica's loop and to the Keeper.
func (in *Installation) poke() {
	for _, c := range []chan struct{}{in.changed, in.keeper.changed} {
		select {
		case c <- struct{}{}:
		default: // a signal is pending
		}
	}
}

// observe updates the served certificate from what the watches have.
func (in *Installation) observe() {
	if in.serving.offer(in.newest(), in.hooks(), in.tolerated(), in.Now()) {
		if cert, err := in.serving.certificate(); err == nil {
			in.Log.Info("certificate served", "serial", fmt.Sprintf("%x", cert.Leaf.SerialNumber),
				"authority", fmt.Sprintf("%x", cert.Leaf.AuthorityKeyId), "notAfter", stamp(cert.Leaf.NotAfter))
		}
	}
}

// newest returns the certificate that the replica should serve as soon as it is trusted; nil if there is
// none.
func (in *Installation) newest() leafSource {
	if in.Files != nil {
		cert, err := in.Files.GetCertificate(nil)
		if err != nil {
			return nil
		}
		if in.read.Swap(cert) != cert {
			in.poke() // ca.crt may have changed as well
		}
		return pair{cert}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	secret, _ := in.secret.object().(*corev1.Secret)
	s, reason, err := judge(secret, in.Now())
	in.fault = err
	if reason != Fine && reason != Due {
		return nil
	}
	if in.leaf == nil || !in.leaf.authority.cert.Equal(s.authority.cert) {
		leaf, err := NewLeaf(s.authority, in.hosts, in.Now)
		if err != nil {
			in.fault = err
			return nil
		}
		in.leaf = leaf
	}
	return in.leaf
}

// serves returns why API servers would reject what an authority signs, or nil: an authority that somebody
// else put into the Secret may be constrained to other names or uses.
func (in *Installation) serves(authority *Authority) error {
	leaf, err := NewLeaf(authority, in.hosts, in.Now)
	if err != nil {
		return err
	}
	cert, err := leaf.certificate()
	if err != nil {
		return err
	}
	h := hook{host: in.hosts[0], bundle: authority.Bundle()}
	return h.accepts(cert, in.Now())
}

// hooks returns our webhooks as the watches have them.
func (in *Installation) hooks() []hook {
	var all []hook
	for _, w := range in.watches {
		all = append(all, hooksOf(w.object(), in.hosts)...)
	}
	return all
}

// tolerated returns the error of accepts that does not count: an empty bundle, if the certificate is from
// files without ca.crt. The API server then uses the trusted roots of its machine.
func (in *Installation) tolerated() error {
	if in.Files == nil {
		return nil
	}
	if list, err := in.Files.authorities(); err != nil || len(list) > 0 {
		return nil
	}
	return errEmptyBundle
}

// GetCertificate returns the certificate in use, for tls.Config.
func (in *Installation) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return in.serving.certificate()
}

// Ready returns why the API server could not call this replica, or nil if it can.
func (in *Installation) Ready() error {
	for _, w := range in.watches {
		if err := w.synced(); err != nil {
			return err
		}
	}
	cert, err := in.serving.certificate()
	if errors.Is(err, errNoCertificate) && in.secret != nil {
		in.mu.Lock()
		defer in.mu.Unlock()
		return fmt.Errorf("%s: %w; the replica that holds the lease %s is to mend that", in.secret.what, in.fault, in.Name)
	}
	if err != nil {
		return err
	}
	tolerated := in.tolerated()
	hooks := in.hooks()
	for i := range hooks {
		err := hooks[i].accepts(cert, in.Now())
		if err == nil || errors.Is(err, tolerated) {
			continue
		}
		if other := hooks[i].writtenByOthers(); other != "" {
			return fmt.Errorf("%s: %w; the annotation %s leaves it to others", &hooks[i], err, other)
		}
		return fmt.Errorf("%s: %w", &hooks[i], err)
	}
	return nil
}

// Lives returns the lifetimes of the certificate that is served and of the authority in the Secret.
func (in *Installation) Lives() []Life {
	var lives []Life
	if cert, err := in.serving.certificate(); err == nil {
		lives = append(lives, lifeOf(ServingLife, cert.Leaf))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.leaf != nil {
		lives = append(lives, lifeOf(AuthorityLife, in.leaf.authority.cert))
	}
	return slices.Clip(lives)
}
