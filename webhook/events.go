package webhook

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/lru"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// EventWriter writes Kubernetes events. client-go's EventInterface for all namespaces implements it.
type EventWriter interface {
	CreateWithEventNamespaceWithContext(ctx context.Context, event *corev1.Event) (*corev1.Event, error)
	PatchWithEventNamespaceWithContext(ctx context.Context, event *corev1.Event, patch []byte) (*corev1.Event, error)
}

// Bounds on the number of events.
const (
	// maxEventsQueued is the length of the queue of events to be written; further events are dropped and
	// counted.
	maxEventsQueued = 1024
	// eventsPerSecond and eventsBurst limit the rate at which events are written, for all pods together.
	eventsPerSecond = 20
	eventsBurst     = 100
	// maxWorkloads is how many workloads, each with the revisions that it was told of, Events.told
	// remembers.
	maxWorkloads = 4096
	// eventTimeout bounds the writing of one event.
	eventTimeout = 10 * time.Second
)

// The results of an event in the metrics.
const (
	eventWritten = "written"
	eventDropped = "dropped" // the queue was full, or there were too many events on one object
	eventFailed  = "failed"  // the API server rejected it or did not answer in time
)

// Events writes Kubernetes events about decisions. They are attached to the controller that created the
// pod, because the pod has no UID yet during admission. Requests never wait for a write: an event that does
// not fit into the queue is dropped. A nil *Events writes nothing.
type Events struct {
	writer     EventWriter
	source     corev1.EventSource
	metrics    *Metrics
	log        logr.Logger
	queue      chan queued
	correlator *record.EventCorrelator
	limiter    flowcontrol.RateLimiter
	// told caches the keys of workloads and the revisions that an event has already reported for them.
	told *lru.Cache
	now  func() time.Time
}

// NewEvents returns Events whose source is the component sidecar-injector on host. Nothing is written until
// Run is called. now is the clock.
func NewEvents(writer EventWriter, host string, metrics *Metrics, log logr.Logger, now func() time.Time) *Events {
	return &Events{
		writer: writer, metrics: metrics, log: log, now: now,
		source: corev1.EventSource{Component: "sidecar-injector", Host: host},
		queue:  make(chan queued, maxEventsQueued),
		// client-go's defaults: repetitions are counted up, similar events are aggregated, and one object
		// gets a burst of 25 events and one every 5 minutes after that.
		correlator: record.NewEventCorrelatorWithOptions(record.CorrelatorOptions{}),
		limiter:    flowcontrol.NewTokenBucketRateLimiter(eventsPerSecond, eventsBurst),
		told:       lru.New(maxWorkloads),
	}
}

// queued is an event in the queue. once is the key in Events.told of an event that is written once and
// never counted up; it is "" for all others.
type queued struct {
	event *corev1.Event
	once  string
}

// decided queues the events of a decision, if there are any. It does not wait.
func (e *Events) decided(r *review, result *inject.Result) {
	if e == nil || r.dryRun {
		return
	}
	complaints, once := complaintsOf(result), injectedKey(result)
	if len(complaints) == 0 && once == "" {
		return
	}
	controller, ok := r.pod.Controller()
	if !ok {
		return
	}
	if once != "" {
		// Most pods belong to a workload that already has the event; stop early for them.
		once = controller.UID + " " + once
		if _, told := e.told.Get(once); told {
			once = ""
		}
	}
	if len(complaints) == 0 && once == "" {
		return
	}
	owner, ok := referenceTo(&controller, r.namespace)
	if !ok {
		return
	}
	for i := range complaints {
		e.enqueue(queued{event: complaints[i].event(owner, e.source, e.now())})
	}
	if once == "" {
		return
	}
	e.told.Add(once, nil)
	event := injectedOccurrence(result).event(owner, e.source, e.now())
	// All replicas use the same name, so that the API server rejects a second one as a duplicate.
	event.Name = nameFor(owner.Name, once)
	e.enqueue(queued{event, once})
}

func (e *Events) enqueue(next queued) {
	select {
	case e.queue <- next:
	default:
		e.told.Remove(next.once)
		e.metrics.events.WithLabelValues(eventDropped).Inc()
	}
}

// Run writes events until ctx is done.
func (e *Events) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-e.queue:
			e.write(ctx, next)
		}
	}
}

// write writes an event and counts the result. A failed write is not retried: the workload's next pod
// queues the event again.
func (e *Events) write(ctx context.Context, next queued) {
	event, result := next.event, eventWritten
	var err error
	if next.once != "" {
		err = e.within(ctx, func(ctx context.Context) error {
			_, err := e.writer.CreateWithEventNamespaceWithContext(ctx, event)
			return err
		})
	} else {
		result, err = e.correlated(ctx, event)
	}
	if ctx.Err() != nil {
		return
	}
	// An equal event of another replica will do, and a namespace that is being deleted accepts no events.
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		result = eventFailed
		e.told.Remove(next.once)
		e.log.Error(err, "event not written", "namespace", event.Namespace,
			"kind", event.InvolvedObject.Kind, "name", event.InvolvedObject.Name, "reason", event.Reason)
	}
	e.metrics.events.WithLabelValues(result).Inc()
}

// within waits for the rate limiter, then calls write with a context that ends after eventTimeout.
func (e *Events) within(ctx context.Context, write func(context.Context) error) error {
	if err := e.limiter.Wait(ctx); err != nil {
		return err // ctx is done
	}
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	return write(ctx)
}

// correlated creates an event, or increments the count of the event that it repeats. Events beyond the
// limit of one object are dropped before they take from the rate limit of all, so that one workload cannot
// suppress the events of others.
func (e *Events) correlated(ctx context.Context, event *corev1.Event) (result string, err error) {
	correlated, err := e.correlator.EventCorrelate(event)
	if err != nil {
		return "", err
	}
	if correlated.Skip {
		return eventDropped, nil
	}
	return eventWritten, e.within(ctx, func(ctx context.Context) error {
		return e.writeCorrelated(ctx, correlated)
	})
}

func (e *Events) writeCorrelated(ctx context.Context, correlated *record.EventCorrelateResult) error {
	event := correlated.Event
	if event.Count > 1 {
		patched, err := e.writer.PatchWithEventNamespaceWithContext(ctx, event, correlated.Patch)
		if err == nil {
			e.correlator.UpdateState(patched)
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		event.ResourceVersion = "" // the API server deleted it: events expire after an hour
	}
	created, err := e.writer.CreateWithEventNamespaceWithContext(ctx, event)
	if err == nil {
		e.correlator.UpdateState(created)
	}
	return err
}
