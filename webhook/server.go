package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Bounds of a connection. Those of a request are Limits.
const (
	// maxConnections is twice the requests at once. One whose headers are half sent, as large as
	// they may be, takes 120 kB.
	maxConnections = 512
	// maxHeader bounds the headers of a request, in bytes, to which net/http adds 4 KiB. The API
	// server sends less than 1 KiB, or a bearer token more.
	maxHeader = 16 << 10
	// headerTimeout is how long a handshake may take, and the headers of a request from their
	// first byte on.
	headerTimeout = 5 * time.Second
	// idleTimeout is longer than the 90 s of client-go, so that the API server closes a
	// connection and never writes to one that has just been closed.
	idleTimeout = 2 * time.Minute
	// answerTimeout ends what no handler of ours answers, such as headers that make no sense. It is
	// longer than Limits.ReadTimeout and WriteTimeout together.
	answerTimeout = 30 * time.Second
	// shutdownTimeout is how long requests may go on that are under way when Run ends.
	shutdownTimeout = time.Minute
	// handshakeTimeout bounds the check of the server by itself.
	handshakeTimeout = 10 * time.Second
)

// Server is the HTTPS listener of the admission edge. TLS is 1.2 or newer, HTTP is 1.1, which is
// what the API server speaks to webhooks.
type Server struct {
	host    string
	port    int
	http    *http.Server
	tls     *tls.Config
	started atomic.Bool
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
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	for path, h := range further {
		mux.Handle(path, h)
	}
	return &Server{
		host: host,
		port: port,
		http: &http.Server{
			Handler:           mux,
			MaxHeaderBytes:    maxHeader,
			ReadHeaderTimeout: headerTimeout,
			WriteTimeout:      answerTimeout,
			IdleTimeout:       idleTimeout,
		},
		tls: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			NextProtos:     []string{"http/1.1"},
			GetCertificate: certificate,
		},
	}, nil
}

// Address is where the server listens, host:port; the host is "" for all addresses.
func (s *Server) Address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Run serves until ctx is done, then waits for the requests that are being
// answered, up to a minute.
func (s *Server) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", s.Address())
	if err != nil {
		return fmt.Errorf("webhook server %s: %w", s.Address(), err)
	}
	s.started.Store(true)
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(tls.NewListener(Bound(s.http, listener, maxConnections), s.tls)) }()
	select {
	case err := <-served:
		return fmt.Errorf("webhook server %s: %w", s.Address(), err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(patience); err != nil {
		return fmt.Errorf("webhook server %s: shutdown: %w", s.Address(), err)
	}
	return nil
}

// Served checks that a client is given a certificate, by a handshake of its own.
func (s *Server) Served() error {
	if !s.started.Load() {
		return errors.New("webhook server: not listening yet")
	}
	dialer := &net.Dialer{Timeout: handshakeTimeout}
	conn, err := tls.DialWithDialer(dialer, "tcp", s.Address(), &tls.Config{InsecureSkipVerify: true}) // what is served is looked at elsewhere
	if err != nil {
		return fmt.Errorf("webhook server %s: %w", s.Address(), err)
	}
	return conn.Close()
}

// address takes host:port apart. Others want to know the address before Run listens, so for
// port 0 a free one is looked for here; another program could in theory take it in between.
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
