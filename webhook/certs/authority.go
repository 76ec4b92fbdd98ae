package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

const (
	// memoryLife is the lifetime of an authority that exists only as long as its process.
	memoryLife = 10 * 365 * 24 * time.Hour

	// storedLife is the lifetime of an authority in a cluster, which is renewed automatically.
	storedLife = 365 * 24 * time.Hour

	// backdate is how far NotBefore lies in the past, so that clients whose clock is slow accept a new
	// certificate.
	backdate = time.Hour

	// organization is the subject's organization in all certificates, to recognise them by.
	organization = "sidecar-injector"
)

// Authority is a certificate authority that signs serving certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority creates a certificate authority that is valid for ten years from now. Its key exists only in
// memory.
func NewAuthority(now time.Time) (*Authority, error) { return newAuthority(now, memoryLife) }

func newAuthority(now time.Time, life time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{organization}, CommonName: "sidecar-injector CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	cert, err := create(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// Bundle returns the authority's certificate as PEM, for clients to trust.
func (a *Authority) Bundle() []byte { return encodeCertificates([]*x509.Certificate{a.cert}) }

func encodeCertificates(list []*x509.Certificate) []byte {
	var text []byte
	for _, cert := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return text
}

func create(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// serialNumber returns 127 random bits: unique, positive, and within the 20 octets of RFC 5280.
func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	return serial, nil
}

// renewal returns when a certificate is to be replaced: after two thirds of its lifetime, or up to a
// twelfth later, so that not all certificates are renewed at once. The delay is derived from the serial
// number, which is random, so that every replica computes the same time.
func renewal(cert *x509.Certificate) time.Time {
	life := cert.NotAfter.Sub(cert.NotBefore)
	part := new(big.Int).Mod(cert.SerialNumber, big.NewInt(1000)).Int64()
	return cert.NotBefore.Add(life*2/3 + life/12*time.Duration(part)/1000)
}

// valid reports whether now is within the certificate's lifetime.
func valid(cert *x509.Certificate, now time.Time) bool {
	return !now.Before(cert.NotBefore) && !now.After(cert.NotAfter)
}
