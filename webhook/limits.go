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
	// MaxRequests is how many requests are worked on at once, once received. Default
	// 256: ten times the idle connections that one API server keeps.
	MaxRequests int64
	// MaxBytes is how many bytes of bodies, as received, may be in memory at once. Default 64 MiB:
	// thousands of ordinary pods, or sixteen of the largest.
	MaxBytes int64
	// ReadTimeout is how long a caller may take to send the body. Default 10 s: twice
	// the time after which the API server has given up.
	ReadTimeout time.Duration
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
	return l
}

// load counts what is being worked on.
type load struct {
	requests, bytes atomic.Int64
}

// enter takes a received request in, if the limits allow; leave must follow then.
func (l *load) enter(limits *Limits) bool {
	if l.requests.Add(1) <= limits.MaxRequests {
		return true
	}
	l.leave()
	return false
}

func (l *load) leave() { l.requests.Add(-1) }

// firstBytes is how much memory a body gets before any of it is there: more than
// most pods need.
const firstBytes = 32 << 10

// receipt counts the bytes of one body.
type receipt struct {
	load   *load
	limits *Limits
	bytes  int64
}

// upTo asks for room for that many bytes in all; false when there is none.
func (r *receipt) upTo(bytes int64) bool {
	more := bytes - r.bytes
	if r.load.bytes.Add(more) > r.limits.MaxBytes {
		r.load.bytes.Add(-more)
		return false
	}
	r.bytes = bytes
	return true
}

func (r *receipt) leave() { r.load.bytes.Add(-r.bytes) }
