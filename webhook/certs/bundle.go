package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

const (
	// overlap is how long a bundle keeps the certificate of an authority that is not, or no longer, ours:
	// the longest lifetime of a leaf that it signed.
	overlap = leafLife + backdate

	// maxBundle is the largest number of certificates in a bundle.
	maxBundle = 8
)

// decodeCertificates returns the certificates in a PEM text. Everything else in it, malformed certificates
// included, is skipped.
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

// trust holds the authorities that our webhook configurations are to trust.
type trust struct {
	ours   []*x509.Certificate  // the present authorities
	before []*x509.Certificate  // the previous authorities
	until  map[string]time.Time // when authorities other than ours may be removed, by their DER
}

// note records the authorities in the bundles: one that is not ours is kept until overlap has passed since
// it was first seen. Replicas that obtain their certificates in another way, as during an upgrade, add
// their authority to the bundles; by the time it is removed they are gone, or they add it again.
func (t *trust) note(now time.Time, bundles ...[]byte) {
	end, until := now.Add(overlap), map[string]time.Time{}
	for _, cert := range slices.Concat(t.before, decodeCertificates(bytes.Join(bundles, []byte("\n")))) {
		last, known := t.until[string(cert.Raw)]
		if !known || last.After(end) { // last is too late if the clock was set back
			last = end
		}
		if !slices.ContainsFunc(t.ours, cert.Equal) {
			until[string(cert.Raw)] = last
		}
	}
	t.until = until
}

// merge returns what a bundle is to contain, and in which way live differs from it. Other authorities that
// are in live are kept until their time in t.until, newest first, because replicas may still serve leaves
// that they signed. Anything that is not an authority's certificate is dropped: the API server rejects a
// whole bundle if one certificate in it is malformed. Expiry is not checked, because this replica's clock
// may be wrong and the API server's right.
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
