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

// absence is how long to wait before the API server is asked again whether it knows
// the templates' kinds now: one small request for each, and what a person waits after
// installing them.
const absence = 5 * time.Second

// Resources is the source of a cluster's own templates, its custom resources of both
// kinds. Each is compiled when it comes, and again only when its generation changes.
// An API server that does not know the kinds has no templates; it is asked again.
type Resources struct {
	client  rest.Interface
	loader  *load.Loader
	absence time.Duration

	changed chan struct{} // holds one when there is something to read

	mu    sync.Mutex
	kinds []*resourceKind
	// told, where there is one, hears of each resource that came, changed or went.
	told func(ResourceKey)
}

// resourceKind is one of the two kinds and what there is of it.
type resourceKind struct {
	*Resources
	kind, plural string

	// Guarded by mu. records is nil until the first list; err is why it cannot be read.
	records map[ResourceKey]*record
	err     error
}

// ResourceKey identifies a custom resource.
type ResourceKey struct{ Kind, Namespace, Name string }

// record is a resource after it has been compiled. It is replaced, never changed.
type record struct {
	uid        types.UID
	generation int64
	entry      templates.Entry
	// inForce is the generation of the version in force, 0 when there is none.
	inForce int64
	// observed is the status that the resource has.
	observed v1alpha1.SidecarTemplateStatus
}

// NewResources reads the templates of the cluster that config names, once Watch runs. They are checked for a
// release of Kubernetes, nil where nobody knows.
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

// Name is that of the source for people.
func (r *Resources) Name() string { return "custom resources" }

// Read gives the templates as of now; nil without an error before both kinds have been
// listed, or are known to be absent.
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

// Watch follows both kinds. Changes that come together are told together.
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
		if !r.calm(ctx) {
			return nil
		}
		changed()
	}
}

// calm waits until nothing has come for a while; false when ctx is done.
func (r *Resources) calm(ctx context.Context) bool {
	limit := time.After(settleLimit)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-limit:
			return true
		case <-time.After(settle):
			return true
		case <-r.changed:
		}
	}
}

// wake says that there is something to read.
func (r *Resources) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run follows one kind until ctx is done: by a watch while the API server knows it.
// A reflector on a kind that is not there would ask, and log, for ever.
func (k *resourceKind) run(ctx context.Context) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		known, err := served(ctx, k.client, k.plural)
		switch {
		case err != nil:
			k.fail(err)
			pause(ctx, backoff.Step())
		case !known:
			k.replace(map[ResourceKey]*record{})
			backoff = newBackoff()
			pause(ctx, wait.Jitter(k.absence, 0.2))
		default:
			k.follow(ctx)
			pause(ctx, retryAfter) // what the API server says of a kind that comes or goes can contradict itself
		}
	}
}

// follow watches while the API server knows the kind.
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

// retryAfter is the first wait after something went wrong.
const retryAfter = 500 * time.Millisecond

// backoffReset is how long a watch has to last for the next one to be tried at once.
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
