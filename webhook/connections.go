package webhook

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bound returns a listener that keeps at most limit connections open, and sets server.ConnState so that it
// learns which of them are in use. When a further connection is accepted, another one is closed: the oldest
// that has not sent a request yet, else the one that has been idle for longest, else the one whose request
// has taken longest. So clients that only connect, or that send slowly, displace each other before they
// displace an API server.
func Bound(server *http.Server, listener net.Listener, limit int) net.Listener {
	server.ConnState = connectionChanged
	return &boundListener{Listener: listener, limit: limit, open: map[*connection]struct{}{}}
}

type boundListener struct {
	net.Listener
	limit int

	mu   sync.Mutex
	open map[*connection]struct{}
}

// The states of a connection, in the order in which connections are closed to make room.
const (
	connectionNew  int32 = iota // no request yet
	connectionIdle              // between requests
	connectionBusy              // a request is being answered
)

// connection is an accepted connection with its state.
type connection struct {
	net.Conn
	state  atomic.Int32
	since  atomic.Int64 // when it came into the state, in nanoseconds since 1970
	broken atomic.Bool  // a write has failed
	closed func()
}

func (l *boundListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted}
	c.enter(connectionNew)
	c.closed = sync.OnceFunc(func() { l.remove(c) })
	if surplus := l.add(c); surplus != nil {
		_ = surplus.Close()
	}
	return c, nil
}

// add registers c and returns the connection to close in its place, or nil if there is room.
func (l *boundListener) add(c *connection) (surplus *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.limit {
		for other := range l.open {
			if surplus == nil || other.goesBefore(surplus) {
				surplus = other
			}
		}
	}
	l.open[c] = struct{}{}
	return surplus
}

// goesBefore reports whether c is to be closed rather than other. The states may change concurrently, which
// only makes the choice less exact.
func (c *connection) goesBefore(other *connection) bool {
	if mine, others := c.state.Load(), other.state.Load(); mine != others {
		return mine < others
	}
	return c.since.Load() < other.since.Load()
}

func (l *boundListener) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (c *connection) Close() error {
	c.closed()
	return c.Conn.Close()
}

// Write returns net.ErrClosed once a write has failed. Without that, closing the TLS connection would write
// an alert and wait another 5 seconds for a client that does not read.
func (c *connection) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// connectionChanged is the http.Server.ConnState callback. It records the state in the connection, below
// TLS if need be.
func connectionChanged(conn net.Conn, state http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.enter(connectionBusy)
	case http.StateIdle:
		c.enter(connectionIdle)
	}
}

func (c *connection) enter(state int32) {
	c.since.Store(time.Now().UnixNano())
	c.state.Store(state)
}
