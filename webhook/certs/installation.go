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
	// fieldManager is the name under which we write.
	fieldManager = "sidecar-injector"

	// look is how often a replica looks at its certificate without being told of a change.
	look = 2 * time.Second
)

// Options say what an Installation is.
type Options struct {
	Client kubernetes.Interface
	// Namespace is our own, Name that of the installation: of its Service and its webhook
	// configurations. The Secret is Name-ca.
	Namespace, Name string
	// Hosts are further names and addresses that the API server calls us by.
	Hosts []string
	// Files are the certificate, if somebody else makes it; nil: we do.
	Files   *Files
	Now     func() time.Time
	Metrics *Metrics
	Log     logr.Logger
}

// Installation is the certificate of one replica of an injector in a cluster.
type Installation struct {
	Options
	hosts   []string
	watches []*watch // configurations first
	secret  *watch   // nil with files
	serving serving
	keeper  *Keeper

	changed chan struct{}                   // for this replica
	read    atomic.Pointer[tls.Certificate] // from files, the last time

	mu    sync.Mutex
	fault error // why the Secret gives no authority
	leaf  *Leaf // of the authority in the Secret
}

// NewInstallation prepares everything; nothing is asked before Run.
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

// Keeper is the writer of what the replicas share; one at a time runs.
func (in *Installation) Keeper() *Keeper { return in.keeper }

// Run follows the cluster until ctx is done.
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

// poke tells that something has changed.
func (in *Installation) poke() {
	for _, c := range []chan struct{}{in.changed, in.keeper.changed} {
		select {
		case c <- struct{}{}:
		default: // told already
		}
	}
}

// observe takes in what the watches have.
func (in *Installation) observe() {
	if in.serving.offer(in.newest(), in.hooks(), in.tolerated(), in.Now()) {
		if cert, err := in.serving.certificate(); err == nil {
			in.Log.Info("certificate served", "serial", fmt.Sprintf("%x", cert.Leaf.SerialNumber),
				"authority", fmt.Sprintf("%x", cert.Leaf.AuthorityKeyId), "notAfter", stamp(cert.Leaf.NotAfter))
		}
	}
}

// newest is the certificate that we would like to serve; nil when there is none.
func (in *Installation) newest() leafSource {
	if in.Files != nil {
		cert, err := in.Files.GetCertificate(nil)
		if err != nil {
			return nil
		}
		if in.read.Swap(cert) != cert {
			in.poke() // the files hold another authority, perhaps
		}
		return pair{cert}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	secret, _ := in.secret.object().(*corev1.Secret)
	s, reason, err := judge(secret, in.Now())
	if in.fault = err; reason != Fine && reason != Due {
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

// serves says why no API server would take what an authority signs: somebody else's may
// be limited to other names or uses.
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

// hooks are our webhooks as they stand in the cluster.
func (in *Installation) hooks() []hook {
	var all []hook
	for _, w := range in.watches {
		all = append(all, hooksOf(w.object(), in.hosts)...)
	}
	return all
}

// tolerated is what a bundle may lack: where the certificate is somebody else's and comes
// without its authority, an empty bundle means what the API server's machine trusts.
func (in *Installation) tolerated() error {
	if in.Files == nil {
		return nil
	}
	if list, err := in.Files.authorities(); err != nil || len(list) > 0 {
		return nil
	}
	return errEmptyBundle
}

// GetCertificate is meant for tls.Config.
func (in *Installation) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return in.serving.certificate()
}

// Ready says why the API server could not call this replica; nil when it can.
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

// Lives are those of the certificate that is served, and of our authority.
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
