package serve

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

// certificate provides the certificate that the webhook serves.
type certificate interface {
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Lives() []certs.Life
}

// addCertificate selects the source of the certificate, and registers its components, metrics and readiness
// check.
func (o *Options) addCertificate(log logr.Logger, s *service) (certificate, error) {
	found, err := o.certificate(log, s)
	if err != nil {
		return nil, err
	}
	s.registry.MustRegister(certs.NewCollector(found.Lives))
	return found, nil
}

func (o *Options) certificate(log logr.Logger, s *service) (certificate, error) {
	var files *certs.Files
	if o.CertificateDir != "" {
		var err error
		if files, err = certs.NewFiles(o.CertificateDir); err != nil {
			return nil, err
		}
	}
	switch {
	case o.Name != "":
		installation := certs.NewInstallation(certs.Options{
			Client:    s.cluster.client,
			Namespace: s.cluster.namespace,
			Name:      o.Name,
			Hosts:     o.Hosts,
			Files:     files,
			Now:       time.Now,
			Metrics:   certs.NewMetrics(s.registry),
			Log:       log.WithName("certificates"),
		})
		s.everywhere = append(s.everywhere, installation)
		s.writers = append(s.writers, installation.Keeper())
		s.checks = append(s.checks, func() error {
			if err := installation.Ready(); err != nil {
				return fmt.Errorf("certificate: %w", err)
			}
			return nil
		})
		return installation, nil
	case files != nil:
		s.everywhere = append(s.everywhere, files)
		return files, nil
	}
	return o.issueCertificate()
}

// issueCertificate creates an authority and its serving certificate in memory, and writes the CA bundle to
// the file CAOut, if set.
func (o *Options) issueCertificate() (*certs.Leaf, error) {
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, o.Hosts...)
	leaf, err := certs.NewLeaf(authority, hosts, time.Now)
	if err != nil {
		return nil, err
	}
	if o.CAOut != "" {
		if err := writeFile(o.CAOut, authority.Bundle()); err != nil {
			return nil, fmt.Errorf("certificate authority's bundle: %w", err)
		}
	}
	return leaf, nil
}

// writeFile replaces a file atomically: a reader sees either the old content or the new one.
func writeFile(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // a no-op once it has been renamed
	if err := fill(temporary, data); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

func fill(f *os.File, data []byte) error {
	defer f.Close()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}
