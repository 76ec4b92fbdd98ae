package certs

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/keyutil"
)

// Keys of the Secret: the authority's certificate, its private key, and all authorities to be trusted,
// which are this one and its predecessors that may still be in use.
const (
	certificateKey = corev1.TLSCertKey
	privateKeyKey  = corev1.TLSPrivateKeyKey
	trustedKey     = "ca.crt"
)

// Reason is why something is written. It is a label of a metric, and is logged.
type Reason string

// The reasons to replace an authority or to write a bundle.
const (
	Fine        Reason = ""            // nothing is written
	Absent      Reason = "absent"      // the Secret does not exist
	Empty       Reason = "empty"       // the Secret or the bundle is empty: it is new, or was applied again
	Invalid     Reason = "invalid"     // the content is malformed
	Expired     Reason = "expired"     // the certificate has expired
	NotYetValid Reason = "notYetValid" // the certificate is not valid yet: a clock was or is wrong
	Due         Reason = "due"         // the authority is due for renewal
	Incomplete  Reason = "incomplete"  // the bundle lacks one of our authorities
	Surplus     Reason = "surplus"     // the bundle contains certificates that are no longer used
)

// stored is the content of the Secret.
type stored struct {
	authority *Authority
	previous  []*x509.Certificate // newest first
}

// trusted returns the authorities that bundles have to contain.
func (s *stored) trusted() []*x509.Certificate {
	return append([]*x509.Certificate{s.authority.cert}, s.previous...)
}

// data returns the data of the Secret.
func (s *stored) data() (map[string][]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(s.authority.key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: key: %w", err)
	}
	return map[string][]byte{
		certificateKey: s.authority.Bundle(),
		privateKeyKey:  pem.EncodeToMemory(&pem.Block{Type: keyutil.PrivateKeyBlockType, Bytes: key}),
		trustedKey:     encodeCertificates(s.trusted()),
	}, nil
}

// readStored parses the data of a Secret. Errors never contain any of it. Malformed entries in the list of
// trusted authorities are ignored, since the Keeper can do without them.
func readStored(data map[string][]byte) (*stored, error) {
	list := decodeCertificates(data[certificateKey])
	switch {
	case len(list) == 0:
		return nil, errors.New(certificateKey + ": holds no certificate")
	case !list[0].IsCA || list[0].KeyUsage != 0 && list[0].KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New(certificateKey + ": the certificate is no authority's")
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(data[privateKeyKey])
	if err != nil {
		return nil, errors.New(privateKeyKey + ": holds no private key")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New(privateKeyKey + ": the key cannot sign")
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(list[0].PublicKey) {
		return nil, errors.New(privateKeyKey + ": the key is not that of " + certificateKey)
	}
	s := &stored{authority: &Authority{cert: list[0], key: key}}
	for _, cert := range decodeCertificates(data[trustedKey]) {
		if cert.IsCA && !cert.Equal(list[0]) {
			s.previous = append(s.previous, cert)
		}
	}
	return s, nil
}

// judge returns what is wrong with a Secret, which may be nil. The authority is returned whenever it could
// be parsed, even if it is not valid now.
func judge(secret *corev1.Secret, now time.Time) (*stored, Reason, error) {
	if secret == nil {
		return nil, Absent, errors.New("is not there")
	}
	if len(secret.Data[certificateKey]) == 0 && len(secret.Data[privateKeyKey]) == 0 {
		return nil, Empty, errors.New("is empty")
	}
	s, err := readStored(secret.Data)
	if err != nil {
		return nil, Invalid, err
	}
	cert := s.authority.cert
	switch {
	case now.Before(cert.NotBefore):
		return s, NotYetValid, fmt.Errorf("%s: is not valid before %s", certificateKey, stamp(cert.NotBefore))
	case now.After(cert.NotAfter):
		return s, Expired, fmt.Errorf("%s: was valid until %s", certificateKey, stamp(cert.NotAfter))
	case now.After(renewal(cert)):
		return s, Due, fmt.Errorf("%s: is valid until %s", certificateKey, stamp(cert.NotAfter))
	}
	return s, Fine, nil
}

// successor returns a new authority that lists the previous ones which have not expired.
func successor(before *stored, now time.Time) (*stored, error) {
	authority, err := newAuthority(now, storedLife)
	if err != nil {
		return nil, err
	}
	next := &stored{authority: authority}
	if before != nil {
		next.previous = slices.DeleteFunc(before.trusted(), func(cert *x509.Certificate) bool { return now.After(cert.NotAfter) })
		next.previous = next.previous[:min(len(next.previous), maxBundle-1)]
	}
	return next, nil
}
