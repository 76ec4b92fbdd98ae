package certs

import (
	"crypto/tls"
	"errors"
	"sync"
	"time"
)

// settle is how long every bundle must have contained a new authority before a replica serves its leaf. API
// servers learn of a changed bundle by watches of their own, at different times.
const settle = 10 * time.Second

// leafSource returns a serving certificate that is valid now, or an error.
type leafSource interface {
	certificate() (*tls.Certificate, error)
}

// pair is a certificate from files.
type pair struct{ cert *tls.Certificate }

func (p pair) certificate() (*tls.Certificate, error) { return p.cert, nil }

// serving holds the certificate of a replica in use, and the one that will replace it.
type serving struct {
	mu         sync.Mutex
	held, next leafSource
	since      time.Time // since when next has been accepted by all webhooks; zero if it is not
}

// errNoCertificate is returned before there is a certificate.
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

// offer makes newest the next certificate, and switches to it when no request can fail because of that: at
// once if fewer webhooks reject it than reject the one in use, or when no webhook has rejected it for the
// time settle. It reports whether the certificate in use has changed.
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

// refusals returns how many webhooks would reject the certificate; one that is not valid now counts one
// more than there are webhooks.
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
