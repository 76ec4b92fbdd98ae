package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// authority is the CA of one node, for as long as the node is up.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	folder      string
}

// lifetime of the certificates: longer than any node is left up.
const lifetime = 365 * 24 * time.Hour

// makeCertificates writes the certificates of the servers, and a kubeconfig for each client; admin.kubeconfig
// is the user's.
func (n *node) makeCertificates(context.Context) error {
	folder := n.path("pki")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(folder)
	if err != nil {
		return err
	}
	if err := writeAccountKey(folder); err != nil {
		return err
	}
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}
	if err := ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, names, apiService, nodeAddress, "127.0.0.1"); err != nil {
		return err
	}
	for name, subject := range map[string]pkix.Name{
		"admin":      {CommonName: "admin", Organization: []string{"system:masters"}},
		"controller": {CommonName: "system:kube-controller-manager"},
		"scheduler":  {CommonName: "system:kube-scheduler"},
		"proxy":      {CommonName: "system:kube-proxy"},
		"dns":        {CommonName: "coredns", Organization: []string{"system:masters"}},
		"kubelet":    {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
	} {
		if err := ca.issue(name, subject, []string{nodeName}, nodeAddress); err != nil {
			return err
		}
		if err := n.writeKubeconfig(name); err != nil {
			return err
		}
	}
	return nil
}

func newAuthority(folder string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: networkNamespace},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(lifetime),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key, folder}, writePair(folder, "ca", der, key)
}

// issue writes NAME.crt and NAME.key, good for servers and clients.
func (a *authority) issue(name string, subject pkix.Name, names []string, addresses ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: subject, DNSNames: names,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePair(a.folder, name, der, key)
}

// writeAccountKey writes the key pair that signs the tokens of service accounts.
func writeAccountKey(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, "accounts.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return writeKey(filepath.Join(folder, "accounts.key"), key)
}

func writePair(folder, name string, certificate []byte, key crypto.PrivateKey) error {
	if err := writePEM(filepath.Join(folder, name+".crt"), "CERTIFICATE", certificate); err != nil {
		return err
	}
	return writeKey(filepath.Join(folder, name+".key"), key)
}

// writeKey writes a key as PKCS #8, which all servers of the node can read.
func writeKey(file string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (n *node) writeKubeconfig(name string) error {
	config := api.NewConfig()
	config.Clusters["node"] = &api.Cluster{
		Server: fmt.Sprintf("https://%s:443", nodeAddress), CertificateAuthority: n.path("pki", "ca.crt"),
	}
	config.AuthInfos[name] = &api.AuthInfo{ClientCertificate: n.path("pki", name+".crt"), ClientKey: n.path("pki", name+".key")}
	config.Contexts["node"] = &api.Context{Cluster: "node", AuthInfo: name}
	config.CurrentContext = "node"
	return clientcmd.WriteToFile(*config, n.path(name+".kubeconfig"))
}
