package webhook

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits bounds the resources that requests may use. A zero field means its default.
type Limits struct {
	// MaxBody is the largest request in bytes. Default 4 MiB: the API server accepts requests of at most 3
	// MiB, and the rest of an AdmissionReview (the user's groups, managed fields) is small.
	MaxBody int64
	// MaxRequests is the number of concurrent requests, counted from when the body is received until the
	// response is written. Default 256: ten times the idle connections that one API server keeps.
	MaxRequests int64
	// MaxBytes is the total size of bodies, patches and responses in memory. Default 64 MiB: thousands of
	// ordinary pods, or sixteen of the largest.
	MaxBytes int64
	// ReadTimeout is how long a client may take to send the body. Default 10 s: twice the time after which
	// the API server gives up.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to read the response. Default 5 s: with the chart's
	// default timeout the API server has given up on the whole call by then.
	WriteTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		MaxBody:      cmp.Or(l.MaxBody, 4<<20),
		MaxRequests:  cmp.Or(l.MaxRequests, 256),
		MaxBytes:     cmp.Or(l.MaxBytes, 64<<20),
		ReadTimeout:  cmp.Or(l.ReadTimeout, 10*time.Second),
		WriteTimeout: cmp.Or(l.WriteTimeout, 5*time.Second),
	}
}

// pending counts the requests and bytes in use.
type pending struct {
	requests, bytes atomic.Int64
}

// firstBytes is the initial size of a body's buffer in bytes: more than most pods need.
const firstBytes = 32 << 10

// receipt is the share of the limits that one request uses. The zero value is not limited.
type receipt struct {
	pending *pending
	limits  *Limits
	bytes   int64
	entered bool
}

// enter counts the request as one of the concurrent ones. It returns false if MaxRequests is reached.
func (r *receipt) enter() bool {
	r.entered = r.pending.requests.Add(1) <= r.limits.MaxRequests
	if !r.entered {
		r.pending.requests.Add(-1)
	}
	return r.entered
}

// hold sets the request's share of MaxBytes to bytes. It returns false, and changes nothing, if that
// exceeds the limit; a decrease always succeeds.
func (r *receipt) hold(bytes int64) bool {
	if r.pending == nil {
		return true
	}
	more := bytes - r.bytes
	if r.pending.bytes.Add(more) > r.limits.MaxBytes && more > 0 {
		r.pending.bytes.Add(-more)
		return false
	}
	r.bytes = bytes
	return true
}

func (r *receipt) leave() {
	r.pending.bytes.Add(-r.bytes)
	if r.entered {
		r.pending.requests.Add(-1)
	}
}

const (
	// largePod is the size of a pod in bytes up to which it is worked on at once; ordinary pods have a tenth
	// of it.
	largePod = 64 << 10
	// mostAtOnce is the total size of the larger pods that are worked on at once: that of the largest one. The
	// work takes up to sixty times a pod's size in memory, if expressions read the pod as an object.
	mostAtOnce = 4 << 20
	// mostDecided is the number of pods that are decided on at once. The expressions of a template may make
	// some 20 MB of values for a pod of any size, and more pods at once would not be decided on sooner: eight
	// processors decide on tens of thousands in a second.
	mostDecided = 8
)

// memory bounds what the work on pods takes of it, in all handlers that have it together.
type memory struct{ large, decided *semaphore.Weighted }

func newMemory() memory {
	return memory{semaphore.NewWeighted(mostAtOnce), semaphore.NewWeighted(mostDecided)}
}

// mayDecide waits until fewer than mostDecided other pods are decided on, and returns the function that ends it. The
// error is that of a client that has disconnected.
func (m memory) mayDecide(ctx context.Context) (done func(), err error) {
	if m.decided.Acquire(ctx, 1) != nil {
		return nil, heeded(ctx)
	}
	return func() { m.decided.Release(1) }, nil
}

// mayTake waits until there is memory for the work on a pod of that many bytes, and returns the function that
// ends it. The error is that of a client that has disconnected.
func (m memory) mayTake(ctx context.Context, bytes int) (done func(), err error) {
	if bytes <= largePod {
		return func() {}, nil
	}
	n := int64(min(bytes, mostAtOnce))
	if m.large.Acquire(ctx, n) != nil {
		return nil, heeded(ctx)
	}
	return func() { m.large.Release(n) }, nil
}
