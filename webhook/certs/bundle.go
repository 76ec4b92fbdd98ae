package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

const (
	// overlap is how long a bundle keeps an authority that is not ours, or no longer: as long
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
	ours   []*x509.Certificate  // what certificates are made with today
	before []*x509.Certificate  // what they were made with before
	until  map[string]time.Time // how long other authorities stay, by their DER
}

// note takes in what bundles hold: an authority that is not ours stays for the time of the overlap
// since it was first seen so. Replicas that make their certificates in another way than we put theirs
// there, and they have gone, or put it there again, when it leaves.
func (t *trust) note(now time.Time, bundles ...[]byte) {
	end, until := now.Add(overlap), map[string]time.Time{}
	for _, cert := range slices.Concat(t.before, decodeCertificates(bytes.Join(bundles, []byte("\n")))) {
		last, known := t.until[string(cert.Raw)]
		if !known || last.After(end) { // the clock was set back
			last = end
		}
		if !slices.ContainsFunc(t.ours, cert.Equal) {
			until[string(cert.Raw)] = last
		}
	}
	t.until = until
}

// merge gives what a bundle is to hold, and why that is not what it holds. For its time
// it keeps each other authority that is there, newest first: replicas may still serve their
// leaves, even those of an authority that nobody remembers. What is no authority's
// certificate, it drops: one certificate that cannot be read makes the API server
// refuse the whole bundle. It never looks whether a certificate has expired, for the clock
// may be wrong here and right where it counts.
func (t *trust) merge(live []byte, now time.Time) ([]byte, Reason) {
	has := decodeCertificates(live)
	want := slices.Clone(t.ours)
	rest := slices.Concat(t.before, has)
	slices.SortStableFunc(rest, func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	for _, cert := range rest {
		if cert.IsCA && now.Before(t.until[string(cert.Raw)]) && len(want) < maxBundle && !slices.ContainsFunc(want, cert.Equal) {
			want = append(want, cert)
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
