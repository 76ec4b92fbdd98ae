package source

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

const (
	// statusRate and statusBurst limit the writes per second: ten thousand new templates take minutes, and do
	// not affect other clients of the API server.
	statusRate, statusBurst = 50, 100
	// statusDelay is the delay before the status of a changed template is written: the template is in use by
	// then, and several quick edits cause one write.
	statusDelay = 250 * time.Millisecond
	// statusAgain is the minimum interval before the same status is written again if another writer overwrote
	// it: two installations that disagree must not write continuously.
	statusAgain = 5 * time.Minute
	// canaryAgain is the interval at which a canary's status is computed again: it depends on the template
	// that it stands in for, which may be in another source.
	canaryAgain = 10 * time.Second
)

// statusOwner is the field manager of the writes.
const statusOwner = "sidecar-injector"

// StatusWriter writes the result of loading each custom resource into its status. Only one replica runs it.
type StatusWriter struct {
	resources *Resources
	current   func() *templates.Set
	recheck   time.Duration
	client    rest.Interface
	log       logr.Logger
	now       func() time.Time
}

// written is the last status written to a resource.
type written struct {
	uid    types.UID
	status v1alpha1.SidecarTemplateStatus
	at     time.Time
}

// NewStatusWriter returns a StatusWriter for the cluster that config names. current returns the templates in
// use.
func NewStatusWriter(config *rest.Config, resources *Resources, current func() *templates.Set, log logr.Logger) (*StatusWriter, error) {
	config = rest.CopyConfig(config)
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(statusRate, statusBurst)
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	return &StatusWriter{resources: resources, current: current, recheck: canaryAgain, client: client, log: log.WithName("status"), now: time.Now}, nil
}

// Run writes statuses until ctx is done. A failed write is retried with exponential backoff.
func (w *StatusWriter) Run(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[identity](time.Second, 10*time.Minute))
	defer context.AfterFunc(ctx, queue.ShutDown)()
	defer w.resources.follow(func(key identity) { queue.AddAfter(key, statusDelay) })()
	last := map[identity]written{}
	for {
		key, over := queue.Get()
		if over {
			return nil
		}
		again, err := w.write(ctx, key, last)
		switch {
		case err == nil:
			queue.Forget(key)
			if again > 0 {
				queue.AddAfter(key, again)
			}
		case ctx.Err() == nil:
			if queue.NumRequeues(key) == 0 { // logged once, not at every retry
				w.log.Error(err, "status of a template not written", "kind", key.kind, "namespace", key.namespace, "template", key.name)
			}
			queue.AddRateLimited(key)
		}
		queue.Done(key)
	}
}

// write writes the status of one resource if it differs; again is the delay after which to check again, 0 for
// none.
func (w *StatusWriter) write(ctx context.Context, key identity, last map[identity]written) (again time.Duration, err error) {
	known := w.resources.record(key)
	if known == nil {
		delete(last, key)
		return 0, nil
	}
	now := w.now()
	var found []templates.Finding
	if t := known.entry.Template; t != nil && t.Canary != nil {
		tried, ok := w.current().Canary(key.namespace, key.name)
		if !ok || tried.Template != t {
			return statusDelay, nil // not in use yet
		}
		again = w.recheck
		for _, f := range tried.Findings {
			if f.Reason == templates.UnusedCanary {
				found = append(found, f)
			}
		}
	}
	status := known.status(now, found)
	if sameStatus(&status, &known.observed) {
		return again, nil
	}
	if before, ok := last[key]; ok && before.uid == known.uid && sameStatus(&status, &before.status) {
		// Already written: the watch has not delivered it yet, or another writer overwrote it.
		if rest := before.at.Add(statusAgain).Sub(now); rest > 0 {
			return rest, nil
		}
	}
	if err := w.apply(ctx, key, known, &status); err != nil {
		return 0, err
	}
	last[key] = written{known.uid, status, now}
	return again, nil
}

// apply writes by a server-side apply, which keeps conditions of other writers. The UID prevents a write to a
// new resource of the same name.
func (w *StatusWriter) apply(ctx context.Context, key identity, known *record, status *v1alpha1.SidecarTemplateStatus) error {
	patch, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       key.kind,
		"metadata":   map[string]any{"name": key.name, "uid": known.uid},
		"status":     status,
	})
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	err = w.client.Patch(types.ApplyPatchType).
		Namespace(key.namespace).Resource(w.resources.of(key.kind).plural).Name(key.name).SubResource("status").
		VersionedParams(&metav1.PatchOptions{FieldManager: statusOwner, Force: new(true)}, metav1.ParameterCodec).
		Body(patch).Do(ctx).Error()
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // deleted or replaced; the watch reports it
	}
	return err
}

// follow calls told for each resource, now and whenever it changes, until stop is called.
func (r *Resources) follow(told func(identity)) (stop func()) {
	r.mu.Lock()
	var known []identity
	for _, k := range r.kinds {
		known = slices.AppendSeq(known, maps.Keys(k.records))
	}
	r.told = told
	r.mu.Unlock()
	for _, key := range known {
		told(key)
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = nil
	}
}

// record returns the record of a resource; nil if it does not exist.
func (r *Resources) record(key identity) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of(key.kind).records[key]
}

// of returns one of the two kinds, by its name.
func (r *Resources) of(kind string) *resourceKind {
	return r.kinds[slices.IndexFunc(r.kinds, func(k *resourceKind) bool { return k.kind == kind })]
}
