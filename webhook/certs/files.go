package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Files are a certificate that somebody else makes: tls.crt and tls.key in a directory,
// as the kubelet mounts a Secret. They are read again when they change, which the mount
// does by turning a link; a pair that does not fit leaves the one before in force.
type Files struct {
	dir     string
	watcher *certwatcher.CertWatcher
}

// NewFiles reads the files for the first time.
func NewFiles(dir string) (*Files, error) {
	watcher, err := certwatcher.New(filepath.Join(dir, certificateKey), filepath.Join(dir, privateKeyKey))
	if err != nil {
		return nil, fmt.Errorf("certificate in %s: %w", dir, err)
	}
	return &Files{dir: dir, watcher: watcher}, nil
}

// Run follows the files until ctx is done.
func (f *Files) Run(ctx context.Context) error {
	if err := f.watcher.Start(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("certificate in %s: %w", f.dir, err)
	}
	return nil
}

// GetCertificate is meant for tls.Config.
func (f *Files) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.watcher.GetCertificate(hello)
}

// Lives is that of the certificate in force.
func (f *Files) Lives() []Life {
	cert, err := f.watcher.GetCertificate(nil)
	if err != nil {
		return nil
	}
	return []Life{lifeOf(ServingLife, cert.Leaf)}
}

// authorities are those of ca.crt; none where there is no such file.
func (f *Files) authorities() ([]*x509.Certificate, error) {
	file := filepath.Join(f.dir, trustedKey)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	list := decodeCertificates(text)
	if len(list) == 0 {
		return nil, fmt.Errorf("certificate authority: %s: holds no certificate", file)
	}
	return list, nil
}
