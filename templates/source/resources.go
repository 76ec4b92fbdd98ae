package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// absence is the interval at which the API server is asked whether it serves the templates' kinds, if it does
// not: one small request per kind, and the time that a user waits after installing them.
const absence = 5 * time.Second

// Resources is the source of a cluster's custom resources of both kinds. Each is compiled when it is
// received, and again only if its generation changes. If the API server does not serve the kinds, there are
// no templates, and it is asked again.
type Resources struct {
	client  rest.Interface
	loader  *load.Loader
	absence time.Duration

	changed chan struct{} // has capacity 1; holds a value if there is something to read

	mu    sync.Mutex
	kinds []*resourceKind
	// told, if not nil, is called for each resource that was added, changed or removed.
	told func(identity)
}

// resourceKind is one of the two kinds, with its resources.
type resourceKind struct {
	*Resources
	kind, plural string

	// Guarded by mu. records is nil until the first list; err says why the kind cannot be read.
	records map[identity]*record
	err     error
}

// record is a compiled resource. It is replaced, never changed.
type record struct {
	uid        types.UID
	generation int64
	entry      templates.Entry
	// inForce is the generation of the version in use, 0 if there is none.
	inForce int64
	// observed is the status that the resource has.
	observed v1alpha1.SidecarTemplateStatus
}

// NewResources returns the source of the templates of the cluster that config names; they are read once Watch
// runs. They are checked for a release of Kubernetes, nil if unknown.
func NewResources(config *rest.Config, kubernetes *version.Version) (*Resources, error) {
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	r := &Resources{client: client, loader: load.NewLoader().For(kubernetes), absence: absence, changed: make(chan struct{}, 1)}
	r.kinds = []*resourceKind{
		{Resources: r, kind: v1alpha1.ClusterSidecarTemplateKind, plural: v1alpha1.ClusterSidecarTemplates},
		{Resources: r, kind: v1alpha1.SidecarTemplateKind, plural: v1alpha1.SidecarTemplates},
	}
	return r, nil
}

// Name returns the name of the source for messages.
func (r *Resources) Name() string { return "custom resources" }

// Read returns the current templates; nil without an error until both kinds have been listed, or are known to
// be absent.
func (r *Resources) Read() ([]templates.Entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := []templates.Entry{}
	var errs []error
	for _, k := range r.kinds {
		if k.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.plural, k.err))
		}
		if k.records == nil {
			all = nil
		}
		if all == nil {
			continue
		}
		for _, known := range k.records {
			all = append(all, known.entry)
		}
	}
	slices.SortFunc(all, func(a, b templates.Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, errors.Join(errs...)
}

// Watch watches both kinds. Changes that arrive close together are reported by one call of changed.
func (r *Resources) Watch(ctx context.Context, changed func()) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, k := range r.kinds {
		wg.Go(func() { k.run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.changed:
		}
		if !quiet(ctx, r.changed) {
			return nil
		}
		changed()
	}
}

// wake signals that there is something to read.
func (r *Resources) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run keeps one kind up to date until ctx is done, by a watch while the API server serves it. A reflector for
// a kind that is not served would retry, and log, forever.
func (k *resourceKind) run(ctx context.Context) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		known, err := served(ctx, k.client, k.plural)
		switch {
		case err != nil:
			k.fail(err)
			pause(ctx, backoff.Step())
		case !known:
			k.replace(map[identity]*record{})
			backoff = newBackoff()
			pause(ctx, wait.Jitter(k.absence, 0.2))
		default:
			k.follow(ctx)
			pause(ctx, retryAfter) // discovery and list can disagree while a kind is being added or removed
		}
	}
}

// follow watches the kind while the API server serves it.
func (k *resourceKind) follow(ctx context.Context) {
	list := cache.NewFilteredListWatchFromClient(k.client, k.plural, "", func(*metav1.ListOptions) {})
	reflector := cache.NewReflectorWithOptions(list, &resource{}, k, cache.ReflectorOptions{Name: k.plural})
	backoff := newBackoff()
	for ctx.Err() == nil {
		begun := time.Now()
		err := reflector.ListAndWatchWithContext(ctx)
		if apierrors.IsNotFound(err) {
			return
		}
		if err != nil && ctx.Err() == nil {
			k.fail(err)
		}
		if time.Since(begun) > backoffReset {
			backoff = newBackoff()
		}
		pause(ctx, backoff.Step())
	}
}

// retryAfter is the first wait after an error.
const retryAfter = 500 * time.Millisecond

// backoffReset is the duration of a watch after which the next one is started without a wait.
const backoffReset = time.Minute

func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: retryAfter, Factor: 2, Steps: 8, Cap: 30 * time.Second, Jitter: 0.5}
}

func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
