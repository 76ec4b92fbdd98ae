package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

const (
	// overlap is how long a bundle keeps what it held before a new authority came: as long
	// as a leaf that was signed before lives.
	overlap = leafLife + backdate

	// maxBundle keeps a bundle small, whatever happens to it.
	maxBundle = 8
)

// decodeCertificates reads the certificates of a PEM text and skips all else.
func decodeCertificates(text []byte) []*x509.Certificate {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return list
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, cert)
		}
	}
}

// trust is what our webhook configurations are to hold.
type trust struct {
	ours   []*x509.Certificate // what certificates are made with today
	before []*x509.Certificate // what they were made with before
	since  time.Time           // since when that is so
}

// merge gives what a bundle is to hold, and why that is not what it holds. For the time
// of the overlap it keeps the other authorities that are there, newest first: replicas may
// still serve their leaves, even those of an authority that nobody remembers. What is no
// authority's certificate, it drops: one certificate that cannot be read makes the API server
// refuse the whole bundle. It never looks whether a certificate has expired, for the clock
// may be wrong here and right where it counts.
func (t *trust) merge(live []byte, now time.Time) ([]byte, Reason) {
	has := decodeCertificates(live)
	want := slices.Clone(t.ours)
	if now.Before(t.since.Add(overlap)) {
		rest := slices.Concat(t.before, has)
		slices.SortStableFunc(rest, func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
		for _, cert := range rest {
			if cert.IsCA && len(want) < maxBundle && !slices.ContainsFunc(want, cert.Equal) {
				want = append(want, cert)
			}
		}
	}
	text := encodeCertificates(want)
	switch {
	case bytes.Equal(text, live):
		return text, Fine
	case len(live) == 0:
		return text, Empty
	case len(has) == 0:
		return text, Invalid
	case slices.ContainsFunc(t.ours, func(cert *x509.Certificate) bool { return !slices.ContainsFunc(has, cert.Equal) }):
		return text, Incomplete
	}
	return text, Surplus
}
