package certs

import (
	"crypto/tls"
	"errors"
	"sync"
	"time"
)

// settle is how long every bundle has had a new authority before a replica serves its
// leaf: API servers learn of a bundle by watches, too, and each has its own.
const settle = 10 * time.Second

// leafSource gives a serving certificate that is valid now, or says why it cannot.
type leafSource interface {
	certificate() (*tls.Certificate, error)
}

// pair is a certificate from files.
type pair struct{ cert *tls.Certificate }

func (p pair) certificate() (*tls.Certificate, error) { return p.cert, nil }

// serving holds the certificate of a replica, and the one that is to come after it.
type serving struct {
	mu         sync.Mutex
	held, next leafSource
	since      time.Time // when next was first accepted everywhere; zero: it is not
}

// errNoCertificate is answered before there is any.
var errNoCertificate = errors.New("no certificate yet")

func (s *serving) certificate() (*tls.Certificate, error) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held == nil {
		return nil, errNoCertificate
	}
	return held.certificate()
}

// offer makes newest the one to come, and takes it when that loses nothing: at once
// when fewer webhooks refuse it than refuse the one in use, and after a while when none
// refuses either. It says whether the certificate in use is now another one.
func (s *serving) offer(newest leafSource, hooks []hook, tolerated error, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newest != nil && newest != s.next {
		s.next, s.since = newest, time.Time{}
	}
	if s.next == nil || s.next == s.held {
		return false
	}
	refuse := refusals(s.next, hooks, tolerated, now)
	switch {
	case s.held == nil || refuse < refusals(s.held, hooks, tolerated, now):
	case refuse > 0:
		s.since = time.Time{}
		return false
	default:
		if s.since.IsZero() || now.Before(s.since) {
			s.since = now
		}
		if now.Sub(s.since) < settle {
			return false
		}
	}
	s.held = s.next
	return true
}

// refusals counts who would refuse a certificate; its own clock is one of them.
func refusals(source leafSource, hooks []hook, tolerated error, now time.Time) int {
	cert, err := source.certificate()
	if err != nil || !valid(cert.Leaf, now) {
		return len(hooks) + 1
	}
	n := 0
	for i := range hooks {
		if err := hooks[i].accepts(cert, now); err != nil && !errors.Is(err, tolerated) {
			n++
		}
	}
	return n
}
