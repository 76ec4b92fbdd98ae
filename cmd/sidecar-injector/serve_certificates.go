package main

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

// certificate is what the webhook serves.
type certificate interface {
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Lives() []certs.Life
}

// addCertificate finds the certificate, and adds the parts that keep it, its metrics and
// its say on readiness.
func (o *serveOptions) addCertificate(log logr.Logger, s *service) (certificate, error) {
	found, err := o.certificate(log, s)
	if err != nil {
		return nil, err
	}
	s.registry.MustRegister(certs.NewCollector(found.Lives))
	return found, nil
}

func (o *serveOptions) certificate(log logr.Logger, s *service) (certificate, error) {
	var files *certs.Files
	if o.certificateDir != "" {
		var err error
		if files, err = certs.NewFiles(o.certificateDir); err != nil {
			return nil, err
		}
	}
	switch {
	case o.name != "":
		installation := certs.NewInstallation(certs.Options{
			Client:    s.cluster.client,
			Namespace: s.cluster.namespace,
			Name:      o.name,
			Hosts:     o.hosts,
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

// issueCertificate makes an authority and its serving certificate in memory, and writes
// the bundle where the user wants it.
func (o *serveOptions) issueCertificate() (*certs.Leaf, error) {
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, o.hosts...)
	leaf, err := certs.NewLeaf(authority, hosts, time.Now)
	if err != nil {
		return nil, err
	}
	if o.caOut != "" {
		if err := writeFile(o.caOut, authority.Bundle()); err != nil {
			return nil, fmt.Errorf("certificate authority's bundle: %w", err)
		}
	}
	return leaf, nil
}
