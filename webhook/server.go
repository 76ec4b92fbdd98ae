package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// Server is the HTTPS listener of the admission edge: controller-runtime's webhook
// server with the Handler on it. TLS is 1.2 or newer, HTTP is 1.1, which is what the API
// server speaks to webhooks.
type Server struct {
	host   string
	port   int
	server ctrlwebhook.Server
}

// GetCertificate gives the certificate of a handshake, as in tls.Config.
type GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// NewServer prepares a server on listen, host:port; with port 0 it takes a free one.
// further are handlers of other paths than handler's own; there may be none.
func NewServer(listen string, certificate GetCertificate, handler *Handler, further map[string]http.Handler) (*Server, error) {
	host, port, err := address(listen)
	if err != nil {
		return nil, fmt.Errorf("webhook address %q: %w", listen, err)
	}
	s := &Server{host: host, port: port}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	for path, h := range further {
		mux.Handle(path, h)
	}
	s.server = ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host: host,
		Port: port,
		// The handler stands on the mux itself: Register would wrap it in controller-runtime's
		// metrics, whose buckets step by ten and which cost more than our own.
		WebhookMux: mux,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.MinVersion = tls.VersionTLS12
			c.NextProtos = []string{"http/1.1"}
			c.GetCertificate = certificate
		}},
	})
	return s, nil
}

// Address is where the server listens, host:port; the host is "" for all addresses.
func (s *Server) Address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Run serves until ctx is done, then waits for the requests that are being
// answered, up to a minute. Requests see ctx end, so the drain has to be over by then.
func (s *Server) Run(ctx context.Context) error {
	if err := s.server.Start(ctx); err != nil {
		return fmt.Errorf("webhook server %s: %w", s.Address(), err)
	}
	return nil
}

// Served checks that a client is given a certificate, by a handshake of its own.
func (s *Server) Served() error { return s.server.StartedChecker()(nil) }

// address takes host:port apart. Port 0 means the default to controller-runtime, so
// a free port is looked for here; another program could in theory take it in between.
func address(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q: want a number up to 65535", text)
	}
	if port > 0 {
		return host, port, nil
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return "", 0, err
	}
	defer listener.Close()
	return host, listener.Addr().(*net.TCPAddr).Port, nil
}
