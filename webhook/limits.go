package webhook

import (
	"sync/atomic"
	"time"
)

// Limits bound what callers may cost. The zero value of a field is its default.
type Limits struct {
	// MaxBody is the largest request in bytes. Default 4 MiB: the API server takes
	// requests of at most 3 MiB, and the rest of an AdmissionReview (the user's
	// groups, managed fields) is small.
	MaxBody int64
	// MaxRequests is how many requests are worked on at once, from when they are received
	// until their answer is written. Default 256: ten times the idle connections that one
	// API server keeps.
	MaxRequests int64
	// MaxBytes is how many bytes of bodies, patches and answers may be in memory at once.
	// Default 64 MiB: thousands of ordinary pods, or sixteen of the largest.
	MaxBytes int64
	// ReadTimeout is how long a caller may take to send the body. Default 10 s: twice
	// the time after which the API server has given up.
	ReadTimeout time.Duration
	// WriteTimeout is how long a caller may take to read the answer. Default 5 s: after that
	// time the API server, by the chart's default, has given up on the whole call.
	WriteTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.MaxBody == 0 {
		l.MaxBody = 4 << 20
	}
	if l.MaxRequests == 0 {
		l.MaxRequests = 256
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 64 << 20
	}
	if l.ReadTimeout == 0 {
		l.ReadTimeout = 10 * time.Second
	}
	if l.WriteTimeout == 0 {
		l.WriteTimeout = 5 * time.Second
	}
	return l
}

// pending counts what is being worked on.
type pending struct {
	requests, bytes atomic.Int64
}

// firstBytes is how much memory a body gets before any of it is there: more than
// most pods need.
const firstBytes = 32 << 10

// receipt counts what one request takes of the limits. The zero value takes nothing, and is
// refused nothing.
type receipt struct {
	pending *pending
	limits  *Limits
	bytes   int64
	entered bool
}

// enter takes a place among the requests that are worked on; false when there is none.
func (r *receipt) enter() bool {
	r.entered = r.pending.requests.Add(1) <= r.limits.MaxRequests
	if !r.entered {
		r.pending.requests.Add(-1)
	}
	return r.entered
}

// hold asks for room for that many bytes in all; false when there is none. Fewer than before
// are always granted.
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

// leave gives everything back.
func (r *receipt) leave() {
	r.pending.bytes.Add(-r.bytes)
	if r.entered {
		r.pending.requests.Add(-1)
	}
}
