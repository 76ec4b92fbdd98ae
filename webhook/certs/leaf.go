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

// leafLife is short because renewal costs nothing: a leaf that leaked is soon worthless.
const leafLife = 24 * time.Hour

// Leaf is the serving certificate of one authority. It is renewed when two
// thirds of its life are over, at the handshake that finds it so. It may be used
// by many goroutines.
type Leaf struct {
	authority *Authority
	now       func() time.Time
	names     []string
	addresses []net.IP

	mu      sync.Mutex
	current *tls.Certificate
}

// NewLeaf issues a certificate for hosts: DNS names and IP addresses, at least
// one. now is the clock.
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

// GetCertificate is meant for tls.Config.
func (l *Leaf) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.certificate()
}

// Expiry is the time until which the certificate that a client would be given now
// is valid; the zero time when none can be made.
func (l *Leaf) Expiry() time.Time {
	cert, err := l.certificate()
	if err != nil {
		return time.Time{}
	}
	return cert.Leaf.NotAfter
}

func (l *Leaf) certificate() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.current != nil && now.Before(renewal(l.current.Leaf)) {
		return l.current, nil
	}
	cert, err := l.issue(now)
	if err != nil {
		// The old one serves on until clients refuse it.
		if l.current != nil && now.Before(l.current.Leaf.NotAfter) {
			return l.current, nil
		}
		return nil, fmt.Errorf("serving certificate: %w", err)
	}
	l.current = cert
	return cert, nil
}

func (l *Leaf) issue(now time.Time) (*tls.Certificate, error) {
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
		NotAfter:     now.Add(leafLife),
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

func renewal(cert *x509.Certificate) time.Time {
	return cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) * 2 / 3)
}
