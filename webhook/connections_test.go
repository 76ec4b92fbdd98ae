package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// bounded starts a server with a connection limit and returns its address.
func bounded(t *testing.T, limit int, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(webhook.Bound(server, listener, limit)) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return listener.Addr().String()
}

// caller is a client with one connection.
type caller struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func connect(t *testing.T, address string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// asks reports whether a request is answered.
func (c *caller) asks() bool {
	if _, err := io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil
}

// closed waits until the server has closed the connection.
func (c *caller) closed() {
	c.t.Helper()
	if n, err := c.in.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		c.t.Fatalf("the connection is open: %d bytes, %v", n, err)
	}
}

func TestWhoOnlyConnectsTakesNoRoomFromWhoAsks(t *testing.T) {
	address := bounded(t, 4, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	regular := connect(t, address)
	if !regular.asks() {
		t.Fatal("no answer")
	}
	var silent []*caller
	for range 20 {
		c := connect(t, address)
		c.say("GET / HTTP/1.1\r\n") // an incomplete request
		silent = append(silent, c)
	}
	for _, c := range silent[:len(silent)-3] {
		c.closed()
	}
	if !regular.asks() {
		t.Error("the connection that asks was closed")
	}
	if late := connect(t, address); !late.asks() {
		t.Error("a caller who comes late is not answered")
	}
}

func TestIdleConnectionsMakeRoomForNewOnes(t *testing.T) {
	address := bounded(t, 2, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	first := connect(t, address)
	for range 5 {
		if c := connect(t, address); !c.asks() {
			t.Fatal("no answer")
		}
	}
	first.closed()
}

func TestTheRequestThatTakesLongestMakesRoomWhereAllWork(t *testing.T) {
	arrived := make(chan struct{})
	address := bounded(t, 2, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			arrived <- struct{}{}
			_, _ = io.Copy(io.Discard, r.Body)
		}
		fmt.Fprint(w, "ok")
	})
	var slow []*caller
	for range 2 {
		c := connect(t, address)
		c.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		<-arrived
		slow = append(slow, c)
	}
	if c := connect(t, address); !c.asks() {
		t.Error("no answer beside slow callers")
	}
	slow[0].closed()
}

func TestHeadersAreBounded(t *testing.T) {
	e := newEdge(t, nil).serve()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X", strings.Repeat("x", 64<<10))
	response, err := e.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}
