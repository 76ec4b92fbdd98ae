// Package webhook is the admission edge: it takes an AdmissionReview off the
// wire, has webhook/inject decide, and answers.
//
// Whose fault it is decides how a request is answered (see the statuses below):
//
//	the pod author's   200, allowed false, status 422 with every cause
//	the injector's     500 with a body, so that the webhook configuration's failurePolicy decides
//	overload           503 with Retry-After, which the API server heeds
//	the caller's       4xx; the connection survives and nothing is logged as an error
//
// A rejected admission (the second column of the first row) ignores failurePolicy,
// so the injector never answers its own faults that way.
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

// Path is where the API server posts admission reviews.
const Path = "/mutate"

// Templates gives the templates in force.
type Templates interface {
	// Current is never nil.
	Current() *templates.Set
	// Ready says whether the templates have been loaded at all.
	Ready() bool
}

// Injector decides on one pod: inject.Inject.
type Injector func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error)

// Options are what a Handler works with. All but Limits, Events and Access are required.
type Options struct {
	Templates  Templates
	Namespaces Namespaces
	Inject     Injector
	Settings   *inject.Settings
	Metrics    *Metrics
	Log        logr.Logger
	Limits     Limits
	// Events tells the pods' owners; nil: nobody is told.
	Events *Events
	// Access is asked about the rights that sidecars need; nil: nothing is said about them.
	Access AccessReviewer
}

// Handler answers admission reviews. It keeps nothing between requests and has
// no side effects, so a dry run is answered like any other request.
type Handler struct{ intake }

// NewHandler makes a handler that answers on Path, and any other path with 404.
func NewHandler(options Options) *Handler {
	return &Handler{newIntake(Path, options, options.Limits.withDefaults())}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.serve(w, r, start, func(ctx context.Context, b *buffers) ([]byte, error) {
		review, err := decodeReview(b.received)
		if err != nil {
			return nil, &callError{http.StatusBadRequest, err}
		}
		if !review.createsPod() {
			return allowed(review.uid), nil
		}
		return h.decide(ctx, review, b, start)
	}, h.failed)
}

// failed counts and logs a request that got no decision.
func (h *Handler) failed(err error) {
	h.Metrics.failed()
	h.Log.Error(err, "admission request not answered")
}

// podAccessTime is all the time that questions about the rights of a pod's service account may take: the pod
// waits for it.
const podAccessTime = 250 * time.Millisecond

// tellRights warns of rights that the sidecars of a pod need and its service account does not have.
func (h *Handler) tellRights(ctx context.Context, r *review, result *inject.Result) {
	texts, err := lackingRights(ctx, h.Access, ServiceAccount{Namespace: r.namespace, Name: r.pod.ServiceAccount()}, result, podAccessTime)
	if err != nil {
		h.Log.Error(err, "no word on rights", "namespace", r.namespace, "name", r.podName(), "uid", r.uid)
	}
	for _, text := range texts {
		result.Warnings = append(result.Warnings, inject.WarningText(text))
	}
}

// decide answers the creation of a pod.
func (h *Handler) decide(ctx context.Context, r *review, b *buffers, start time.Time) ([]byte, error) {
	// The pods of a controller are made while nobody looks: advice on the workload tells of rights.
	_, controlled := r.pod.Controller()
	result, err := h.decideIn(ctx, r.namespace, func(namespace inject.Namespace) (*inject.Result, error) {
		return h.Inject(h.Templates.Current(), h.Settings, &inject.Request{Read: r.pod, Namespace: namespace, Permissions: !controlled && h.Access != nil})
	})
	if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
		return nil, &callError{http.StatusBadRequest, fmt.Errorf("admission review: request.object: %w", err)}
	}
	if err != nil {
		return nil, err
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
