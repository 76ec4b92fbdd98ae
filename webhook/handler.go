// Package webhook is the admission edge: it decodes AdmissionReviews, has webhook/inject decide, and writes
// the responses.
//
// The HTTP status depends on who caused the failure:
//
//	pod author   200, allowed false, status 422 with every cause
//	injector     500 with a body, so that the webhook configuration's failurePolicy applies
//	overload     503 with Retry-After, which the API server heeds
//	client       4xx; the connection stays open and nothing is logged as an error
//
// The API server does not apply failurePolicy to a response with allowed false, so an internal error is
// never answered that way.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Path is the path to which the API server posts reviews of pods.
const Path = "/mutate"

// Templates provides the set of templates in force.
type Templates interface {
	// Current returns the set in force, which is never nil.
	Current() *templates.Set
	// Ready reports whether the templates have been loaded once.
	Ready() bool
}

// Injector decides on one pod. inject.Inject is the implementation.
type Injector func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error)

// Options are the dependencies of the handlers. All but Limits, Events and Access are required.
type Options struct {
	Templates  Templates
	Namespaces Namespaces
	Inject     Injector
	Settings   *inject.Settings
	Metrics    *Metrics
	Log        logr.Logger
	Limits     Limits
	// Events writes events on the pods' controllers; nil writes none.
	Events *Events
	// Access checks the permissions that sidecars need; nil disables the check.
	Access AccessReviewer
}

// Handler answers admission reviews. It keeps nothing between requests and has
// no side effects, so a dry run is answered like any other request.
type Handler struct {
	intake
	memory memory
}

// NewHandler returns a handler that answers on Path and responds with 404 on any other path.
func NewHandler(options Options) *Handler {
	return &Handler{intake: intake{Options: options, path: Path, limits: options.Limits.withDefaults()}, memory: newMemory()}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.serve(w, r, start, func(ctx context.Context, b *buffers) ([]byte, error) {
		done, err := h.memory.mayTake(ctx, len(b.received))
		if err != nil {
			return nil, err
		}
		defer done()
		review, err := decodeReview(b.received)
		if err != nil {
			return nil, err
		}
		if !review.createsPod() {
			return allowed(review.uid), nil
		}
		return h.decide(ctx, review, b, start)
	}, h.failed)
}

// failed counts and logs an internal error: a request without a decision.
func (h *Handler) failed(err error) {
	h.Metrics.failed()
	h.Log.Error(err, "admission request not answered")
}

// podAccessTime bounds all access reviews for one pod together. It is short because the pod's creation
// waits for them.
const podAccessTime = 250 * time.Millisecond

// tellsRights reports whether a pod's author is told of missing permissions. Nobody sees the warnings on a
// pod that a controller creates; Advice reports missing permissions on the workload.
func (h *Handler) tellsRights(pod *inject.Pod) bool {
	if h.Access == nil {
		return false
	}
	_, controlled := pod.Controller()
	return !controlled
}

// tellRights adds warnings about permissions that the pod's sidecars need and its service account does not
// have.
func (h *Handler) tellRights(ctx context.Context, r *review, result *inject.Result) {
	account := func() ServiceAccount { return ServiceAccount{Namespace: r.namespace, Name: r.pod.ServiceAccount()} }
	texts, err := lackingRights(ctx, h.Access, account, result, podAccessTime)
	if err != nil {
		h.Log.Error(err, "no word on rights", "namespace", r.namespace, "name", logged(r.podName()), "uid", logged(r.uid))
	}
	for _, text := range texts {
		result.Warnings = append(result.Warnings, inject.WarningText(text))
	}
}

// undecided returns the error of a pod without a decision: what is no pod is the caller's mistake.
func undecided(err error) error {
	if pod := (*inject.MalformedPodError)(nil); errors.As(err, &pod) {
		return malformed(fmt.Errorf("request.object: %w", err))
	}
	return err
}

// decide answers the creation of a pod.
func (h *Handler) decide(ctx context.Context, r *review, b *buffers, start time.Time) ([]byte, error) {
	result, err := h.decideIn(ctx, r.namespace, func(namespace inject.Namespace) (*inject.Result, error) {
		done, err := h.memory.mayDecide(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		return h.Inject(h.Templates.Current(), h.Settings, &inject.Request{Read: r.pod, Namespace: namespace, Permissions: h.tellsRights(r.pod)})
	})
	if err != nil {
		return nil, undecided(err)
	}
	h.Metrics.tellCrashes(h.Log, result)
	h.tellRights(ctx, r, result)
	instances := summarize(result)
	body, err := respond(b, r.uid, result, audit(result, instances))
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	h.Metrics.duration.Observe(took.Seconds())
	h.Metrics.decided(result)
	h.Events.decided(r, result)
	logDecision(h.Log, r, result, instances, took)
	return body, nil
}
