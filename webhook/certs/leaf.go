package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// leafLife is the lifetime of a leaf. It is short, because renewal costs nothing and a leaked key soon
// becomes worthless.
const leafLife = 24 * time.Hour

// Leaf is a serving certificate signed by an Authority. It is renewed during the first handshake after its
// renewal time, which is after two thirds of its lifetime. It is safe for concurrent use.
type Leaf struct {
	authority *Authority
	now       func() time.Time
	names     []string
	addresses []net.IP

	mu      sync.Mutex
	current *tls.Certificate
}

// NewLeaf issues a certificate for hosts, which are DNS names and IP addresses, at least one. now is the
// clock.
func NewLeaf(authority *Authority, hosts []string, now func() time.Time) (*Leaf, error) {
	if len(hosts) == 0 {
		return nil, errors.New("serving certificate: no host to issue it for")
	}
	leaf := &Leaf{authority: authority, now: now}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.addresses = append(leaf.addresses, ip)
		} else {
			leaf.names = append(leaf.names, host)
		}
	}
	if _, err := leaf.certificate(); err != nil {
		return nil, err
	}
	return leaf, nil
}

// GetCertificate returns the present certificate, for tls.Config.
func (l *Leaf) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.certificate()
}

// Lives returns the lifetimes of the present certificate and of its authority.
func (l *Leaf) Lives() []Life {
	lives := []Life{lifeOf(AuthorityLife, l.authority.cert)}
	if cert, err := l.certificate(); err == nil {
		lives = append(lives, lifeOf(ServingLife, cert.Leaf))
	}
	return lives
}

func (l *Leaf) certificate() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	// A certificate that is not valid yet, because the clock was set back, is replaced as well.
	if l.current != nil && now.Before(renewal(l.current.Leaf)) && valid(l.current.Leaf, now) {
		return l.current, nil
	}
	cert, err := l.issue(now)
	if err != nil {
		// Keep serving the old one while clients accept it.
		if l.current != nil && valid(l.current.Leaf, now) {
			return l.current, nil
		}
		return nil, fmt.Errorf("serving certificate: %w", err)
	}
	l.current = cert
	return cert, nil
}

func (l *Leaf) issue(now time.Time) (*tls.Certificate, error) {
	if !valid(l.authority.cert, now) {
		return nil, fmt.Errorf("its authority is valid from %s to %s only", stamp(l.authority.cert.NotBefore), stamp(l.authority.cert.NotAfter))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	cert, err := create(&x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{organization}},
		NotBefore:    now.Add(-backdate),
		NotAfter:     earlier(now.Add(leafLife), l.authority.cert.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     l.names,
		IPAddresses:  l.addresses,
	}, l.authority.cert, &key.PublicKey, l.authority.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// stamp formats a time for messages.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
