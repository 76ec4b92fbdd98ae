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
	// statusRate and statusBurst bound the writes, per second: ten thousand new templates
	// take minutes, and nobody else at the API server notices.
	statusRate, statusBurst = 50, 100
	// statusDelay is how long a change rests before its status is written: the template
	// is in force by then, and quick edits are written once.
	statusDelay = 250 * time.Millisecond
	// statusAgain is how soon the same status is written again that somebody else
	// overwrote: two installations that disagree must not write all day.
	statusAgain = 5 * time.Minute
	// canaryAgain is how soon a canary is looked at again: whether it can count is up to the template
	// whose place it takes, which may come from anywhere.
	canaryAgain = 10 * time.Second
)

// statusOwner is the field manager of what is written.
const statusOwner = "sidecar-injector"

// StatusWriter writes what has become of each custom resource into its status. One
// replica does that for all.
type StatusWriter struct {
	resources *Resources
	current   func() *templates.Set
	recheck   time.Duration
	client    rest.Interface
	log       logr.Logger
	now       func() time.Time
}

// written is a status that was written, and when.
type written struct {
	uid    types.UID
	status v1alpha1.SidecarTemplateStatus
	at     time.Time
}

// NewStatusWriter writes to the cluster that config names. The templates in force are given by current.
func NewStatusWriter(config *rest.Config, resources *Resources, current func() *templates.Set, log logr.Logger) (*StatusWriter, error) {
	config = rest.CopyConfig(config)
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(statusRate, statusBurst)
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	return &StatusWriter{resources: resources, current: current, recheck: canaryAgain, client: client, log: log.WithName("status"), now: time.Now}, nil
}

// Run writes until ctx is done. What cannot be written is tried again, later and later.
func (w *StatusWriter) Run(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[ResourceKey](time.Second, 10*time.Minute))
	defer context.AfterFunc(ctx, queue.ShutDown)()
	defer w.resources.follow(func(key ResourceKey) { queue.AddAfter(key, statusDelay) })()
	last := map[ResourceKey]written{}
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
			if queue.NumRequeues(key) == 0 { // told once, not at every try
				w.log.Error(err, "status of a template not written", "kind", key.Kind, "namespace", key.Namespace, "template", key.Name)
			}
			queue.AddRateLimited(key)
		}
		queue.Done(key)
	}
}

// write writes the status of one resource, if it is not what it should be; again says when to look once more.
func (w *StatusWriter) write(ctx context.Context, key ResourceKey, last map[ResourceKey]written) (again time.Duration, err error) {
	known := w.resources.record(key)
	if known == nil {
		delete(last, key)
		return 0, nil
	}
	now := w.now()
	var found []templates.Finding
	if t := known.entry.Template; t != nil && t.Canary != nil {
		tried, ok := w.current().Canary(key.Namespace, key.Name)
		if !ok || tried.Template != t {
			return statusDelay, nil // it is not in force yet
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
		// Written already: the watch has not brought it yet, or somebody overwrote it.
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

// apply is a server-side apply: conditions of others stay. The UID keeps it from a
// resource that has taken the place of this one.
func (w *StatusWriter) apply(ctx context.Context, key ResourceKey, known *record, status *v1alpha1.SidecarTemplateStatus) error {
	patch, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       key.Kind,
		"metadata":   map[string]any{"name": key.Name, "uid": known.uid},
		"status":     status,
	})
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	force := true
	err = w.client.Patch(types.ApplyPatchType).
		Namespace(key.Namespace).Resource(w.resources.plural(key.Kind)).Name(key.Name).SubResource("status").
		VersionedParams(&metav1.PatchOptions{FieldManager: statusOwner, Force: &force}, metav1.ParameterCodec).
		Body(patch).Do(ctx).Error()
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is gone or another one; the watch tells
	}
	return err
}

// follow has told hear of each resource, now and whenever it changes, until the
// function that it returns is called.
func (r *Resources) follow(told func(ResourceKey)) (stop func()) {
	r.mu.Lock()
	var known []ResourceKey
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

// record is what is known of a resource; nil when it is not there.
func (r *Resources) record(key ResourceKey) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kinds {
		if k.kind == key.Kind {
			return k.records[key]
		}
	}
	return nil
}

func (r *Resources) plural(kind string) string {
	for _, k := range r.kinds {
		if k.kind == kind {
			return k.plural
		}
	}
	return ""
}
