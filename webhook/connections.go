package webhook

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bound gives a listener that keeps at most limit connections open, and has server tell it what
// they do. One more takes the place of another: first of whoever has been connected for longest
// without a request, then of whoever has been idle for longest, then of whoever's request has
// taken longest. So a caller who only connects, or sends slowly, takes room from his like, not
// from an API server.
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

// The states of a connection, in the order in which they make room.
const (
	connectionNew  int32 = iota // no request yet
	connectionIdle              // between requests
	connectionBusy              // a request is being answered
)

// connection is one caller's.
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

// add takes a connection in, and gives the one that has to go for it, if any.
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

// goesBefore says which of two makes room. A state that changes meanwhile is no harm.
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

// Write fails at once after it has failed: closing a TLS connection writes, and would wait
// another five seconds for a caller who does not read.
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

// connectionChanged is a server's ConnState.
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
