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

// Files is a certificate that another program provides: tls.crt and tls.key in a directory, as the kubelet
// mounts a Secret. They are reloaded when they change, which in such a mount happens by replacing a
// symbolic link. If certificate and key do not match, the previous pair stays in use.
type Files struct {
	dir     string
	watcher *certwatcher.CertWatcher
}

// NewFiles loads tls.crt and tls.key from dir. It fails if they cannot be read or do not match.
func NewFiles(dir string) (*Files, error) {
	watcher, err := certwatcher.New(filepath.Join(dir, certificateKey), filepath.Join(dir, privateKeyKey))
	if err != nil {
		return nil, fmt.Errorf("certificate in %s: %w", dir, err)
	}
	return &Files{dir: dir, watcher: watcher}, nil
}

// Run watches the files until ctx is done.
func (f *Files) Run(ctx context.Context) error {
	if err := f.watcher.Start(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("certificate in %s: %w", f.dir, err)
	}
	return nil
}

// GetCertificate returns the present certificate, for tls.Config.
func (f *Files) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.watcher.GetCertificate(hello)
}

// Lives returns the lifetime of the present certificate.
func (f *Files) Lives() []Life {
	cert, err := f.watcher.GetCertificate(nil)
	if err != nil {
		return nil
	}
	return []Life{lifeOf(ServingLife, cert.Leaf)}
}

// authorities returns the certificates in ca.crt; none if there is no such file.
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
