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

// EventWriter writes events, as client-go's EventInterface for all namespaces does.
type EventWriter interface {
	CreateWithEventNamespaceWithContext(ctx context.Context, event *corev1.Event) (*corev1.Event, error)
	PatchWithEventNamespaceWithContext(ctx context.Context, event *corev1.Event, patch []byte) (*corev1.Event, error)
}

// Bounds of what events may cost.
const (
	// maxEventsQueued is how many wait to be written; what comes beyond is dropped and counted.
	maxEventsQueued = 1024
	// eventsPerSecond and eventsBurst bound what is written, whoever makes pods.
	eventsPerSecond = 20
	eventsBurst     = 100
	// maxWorkloads is of how many workloads and revisions it is remembered that they were told.
	maxWorkloads = 4096
	// eventTimeout bounds the writing of one.
	eventTimeout = 10 * time.Second
)

// The results of an event in the metrics.
const (
	eventWritten = "written"
	eventDropped = "dropped" // too many waited, or were about one object
	eventFailed  = "failed"  // the API server did not take it
)

// Events tells workloads what became of their pods, as Kubernetes events on the
// controller that made the pod: the pod itself has no UID yet, and no event can be
// about it. Requests never wait for it: what cannot be written in time is dropped.
type Events struct {
	writer     EventWriter
	source     corev1.EventSource
	metrics    *Metrics
	log        logr.Logger
	queue      chan queued
	correlator *record.EventCorrelator
	limiter    flowcontrol.RateLimiter
	// told remembers which workload was told of which revisions.
	told *lru.Cache
	now  func() time.Time
}

// NewEvents writes events as the component sidecar-injector on host; Run does the writing.
func NewEvents(writer EventWriter, host string, metrics *Metrics, log logr.Logger, now func() time.Time) *Events {
	return &Events{
		writer: writer, metrics: metrics, log: log, now: now,
		source: corev1.EventSource{Component: "sidecar-injector", Host: host},
		queue:  make(chan queued, maxEventsQueued),
		// client-go's own: it counts repetitions, sums up what is similar, and bounds
		// the events on one object to 25, and one every 5 minutes from then on.
		correlator: record.NewEventCorrelatorWithOptions(record.CorrelatorOptions{}),
		limiter:    flowcontrol.NewTokenBucketRateLimiter(eventsPerSecond, eventsBurst),
		told:       lru.New(maxWorkloads),
	}
}

// queued is an event that waits. One that is told once has a key, and is not counted up.
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
		// Most pods are of a workload that has been told: nothing more is made of them.
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
	// The same name in every replica, so that the second one's is refused as a duplicate.
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

// write writes an event and counts what became of it. What fails is not tried again: the next
// pod of the workload brings it anew.
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
	// An equal one of another replica's is as good, and a namespace that goes needs none.
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		result = eventFailed
		e.told.Remove(next.once)
		e.log.Error(err, "event not written", "namespace", event.Namespace,
			"kind", event.InvolvedObject.Kind, "name", event.InvolvedObject.Name, "reason", event.Reason)
	}
	e.metrics.events.WithLabelValues(result).Inc()
}

// within waits until an event may be written, and bounds the writing.
func (e *Events) within(ctx context.Context, write func(context.Context) error) error {
	if err := e.limiter.Wait(ctx); err != nil {
		return err // ctx is done
	}
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	return write(ctx)
}

// correlated creates an event, or counts up the one that it repeats. What is said of one
// object too often is dropped before it takes from the rate of all, so that one workload
// cannot silence others.
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
		event.ResourceVersion = "" // it was forgotten after an hour
	}
	created, err := e.writer.CreateWithEventNamespaceWithContext(ctx, event)
	if err == nil {
		e.correlator.UpdateState(created)
	}
	return err
}
