package webhook_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

func TestServerSpeaksHTTP1EvenToThoseWhoPrefer2(t *testing.T) {
	e := newEdge(t, nil).serve()
	if got := e.post(review(plainPod)); got.ProtoMajor != 1 || got.TLS.NegotiatedProtocol == "h2" {
		t.Errorf("%s over %q", got.Proto, got.TLS.NegotiatedProtocol)
	}
}

func TestServerRefusesTLSBelow12(t *testing.T) {
	e := newEdge(t, nil).serve()
	roots := e.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		address := strings.TrimSuffix(strings.TrimPrefix(e.url, "https://"), webhook.Path)
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if err == nil {
			err = conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestServedSaysWhetherAClientIsGivenACertificate(t *testing.T) {
	e := newEdge(t, nil)
	server, err := webhook.NewServer("127.0.0.1:0", func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return nil, errors.New("no certificate yet")
	}, e.handler, nil)
	if err != nil {
		t.Fatal(err)
	}
	if server.Served() == nil {
		t.Error("served before it runs")
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	eventually(t, "the listener is there", func() bool {
		_, err := tls.Dial("tcp", server.Address(), &tls.Config{InsecureSkipVerify: true})
		return err != nil && !strings.Contains(err.Error(), "refused")
	})
	if server.Served() == nil {
		t.Error("served without a certificate")
	}
}

func TestAddressThatIsNoneIsRefusedByName(t *testing.T) {
	e := newEdge(t, nil)
	for _, address := range []string{"", "9443", "localhost:http", "localhost:70000", "localhost:-1"} {
		if _, err := webhook.NewServer(address, nil, e.handler, nil); err == nil || !strings.Contains(err.Error(), `webhook address "`+address+`"`) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestFurtherHandlersAnswerOnTheirOwnPathsOnly(t *testing.T) {
	e := newEdge(t, nil)
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := certs.NewLeaf(authority, []string{"127.0.0.1"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server, err := webhook.NewServer("127.0.0.1:0", leaf.GetCertificate, e.handler, map[string]http.Handler{
		"/advise": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	eventually(t, "served", func() bool { return server.Served() == nil })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for path, want := range map[string]int{"/advise": http.StatusTeapot, "/advise/x": http.StatusNotFound, webhook.Path: http.StatusMethodNotAllowed} {
		response, err := client.Get("https://" + server.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestAPortThatTheServerChoseIsTakenFromThenOn(t *testing.T) {
	e := newEdge(t, nil)
	server, err := webhook.NewServer("127.0.0.1:0", nil, e.handler, nil)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := net.Listen("tcp", server.Address()); err == nil {
		_ = other.Close()
		t.Errorf("another program can still listen on %s", server.Address())
	}
}
