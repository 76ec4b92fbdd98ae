package webhook

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

// TestABodyThatNoHandlerReadsIsNotWaitedForForEver: http.Server and http.ServeMux answer some requests
// themselves, and then read the body, without the deadlines of our handlers.
func TestABodyThatNoHandlerReadsIsNotWaitedForForEver(t *testing.T) {
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := certs.NewLeaf(authority, []string{"127.0.0.1"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server, err := NewServer("127.0.0.1:0", leaf.GetCertificate, NewHandler(Options{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if server.http.ReadTimeout != answerTimeout {
		t.Errorf("requests are read for %s, want %s", server.http.ReadTimeout, answerTimeout)
	}
	server.http.ReadTimeout = 50 * time.Millisecond
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	for name, head := range map[string]string{
		"a path that is redirected": "POST //mutate HTTP/1.1\r\n",
		"OPTIONS *":                 "OPTIONS * HTTP/1.1\r\n",
		"an expectation":            "POST /mutate HTTP/1.1\r\nExpect: 200-ok\r\n",
	} {
		conn, err := tls.Dial("tcp", server.Address(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := fmt.Fprintf(conn, "%sHost: x\r\nContent-Length: 100\r\n\r\n{", head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still open", name)
		}
	}
}
