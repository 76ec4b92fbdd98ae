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
	// maxConnections is twice Limits.MaxRequests. A connection whose headers are half received, at their
	// largest size, takes 120 kB.
	maxConnections = 512
	// maxHeader bounds the headers of a request, in bytes, to which net/http adds 4 KiB. The API
	// server sends less than 1 KiB, or a bearer token more.
	maxHeader = 16 << 10
	// headerTimeout bounds the TLS handshake, and the time from the first to the last byte of a request's
	// headers.
	headerTimeout = 5 * time.Second
	// idleTimeout is longer than the 90 s of client-go, so that the API server closes an idle connection
	// first and never writes to one that was just closed.
	idleTimeout = 2 * time.Minute
	// answerTimeout bounds requests that no handler of ours reads and responses that none writes: those to
	// malformed headers, to OPTIONS *, and to paths that http.ServeMux redirects, such as //mutate. It is
	// longer than Limits.ReadTimeout and WriteTimeout together.
	answerTimeout = 30 * time.Second
	// shutdownTimeout is how long Run waits for requests that are in progress when its context ends.
	shutdownTimeout = time.Minute
	// handshakeTimeout bounds the handshake of Served.
	handshakeTimeout = 10 * time.Second
)

// Server is the HTTPS server of the admission edge. It requires TLS 1.2 or newer and speaks HTTP/1.1, which
// is what the API server uses for webhooks.
type Server struct {
	host string
	port int
	// listener is open since NewServer if that chose the port, so that nobody else takes it; else nil.
	listener net.Listener
	http     *http.Server
	tls      *tls.Config
	started  atomic.Bool
}

// GetCertificate returns the certificate for a handshake, as in tls.Config.
type GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// NewServer returns a server for the address listen, which is host:port. For port 0 it listens on a free port
// now, else when it runs. further maps other paths to their handlers and may be nil. It fails if listen is
// malformed or no port is free.
func NewServer(listen string, certificate GetCertificate, handler *Handler, further map[string]http.Handler) (*Server, error) {
	host, port, listener, err := address(listen)
	if err != nil {
		return nil, fmt.Errorf("webhook address %q: %w", listen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	for path, h := range further {
		mux.Handle(path, h)
	}
	return &Server{
		host:     host,
		port:     port,
		listener: listener,
		http: &http.Server{
			Handler:           mux,
			MaxHeaderBytes:    maxHeader,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       answerTimeout,
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

// Address returns host:port where the server listens; the host is "" for all addresses.
func (s *Server) Address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Run serves until ctx is done, then waits up to a minute for the requests that are in progress. It fails
// if the address is in use, serving fails, or requests take longer than that.
func (s *Server) Run(ctx context.Context) error {
	listener := s.listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", s.Address()); err != nil {
			return fmt.Errorf("webhook server %s: %w", s.Address(), err)
		}
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

// Served checks by a TLS handshake with the server that clients are given a certificate. It fails before
// Run listens.
func (s *Server) Served() error {
	if !s.started.Load() {
		return errors.New("webhook server: not listening yet")
	}
	dialer := &net.Dialer{Timeout: handshakeTimeout}
	conn, err := tls.DialWithDialer(dialer, "tcp", s.Address(), &tls.Config{InsecureSkipVerify: true}) // other checks validate the certificate
	if err != nil {
		return fmt.Errorf("webhook server %s: %w", s.Address(), err)
	}
	return conn.Close()
}

// address splits host:port. For port 0 it listens on a free port and returns that port and the listener.
func address(listen string) (host string, port int, listener net.Listener, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, nil, err
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, nil, fmt.Errorf("port %q: want a number up to 65535", text)
	}
	if port > 0 {
		return host, port, nil, nil
	}
	listener, err = net.Listen("tcp", listen)
	if err != nil {
		return "", 0, nil, err
	}
	return host, listener.Addr().(*net.TCPAddr).Port, listener, nil
}
