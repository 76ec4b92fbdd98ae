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
	// memoryLife is that of an authority which lives as long as its process.
	memoryLife = 10 * 365 * 24 * time.Hour

	// storedLife is that of an authority in a cluster, which is renewed without anybody's doing.
	storedLife = 365 * 24 * time.Hour

	// backdate lets a client whose clock runs late accept a new certificate.
	backdate = time.Hour

	// organization is the subject by which people recognise the certificates.
	organization = "sidecar-injector"
)

// Authority signs serving certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes a certificate authority that is valid for ten years from now. Its
// key never leaves the process.
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

// Bundle is the authority's certificate as PEM: what clients are to trust.
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

// serialNumber is 127 random bits: unique, positive, and within the 20 octets of RFC 5280.
func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	return serial, nil
}

// renewal is when a certificate is to be replaced: when two thirds of its life are
// over, or up to a twelfth later, so that not all do it at once. It is the serial number, which
// is random, that tells how much later: everybody who asks gets the same answer.
func renewal(cert *x509.Certificate) time.Time {
	life := cert.NotAfter.Sub(cert.NotBefore)
	part := new(big.Int).Mod(cert.SerialNumber, big.NewInt(1000)).Int64()
	return cert.NotBefore.Add(life*2/3 + life/12*time.Duration(part)/1000)
}

// valid says whether the clock is within a certificate's life.
func valid(cert *x509.Certificate, now time.Time) bool {
	return !now.Before(cert.NotBefore) && !now.After(cert.NotAfter)
}
