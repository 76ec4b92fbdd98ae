package main

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// sending returns a collector with the output plugin name, which sends to the server.
func sending(t *testing.T, server *httptest.Server, name, more string) *collector {
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	output := "name: " + name + "\n    match: '*'\n    host: ${OUTPUT_HOST}\n    port: ${OUTPUT_PORT}\n    retry_limit: no_limits\n" + more
	c := newCollector(t, "name: stdout\n    match: '*'\n    format: json_lines\n", output, "grace: 10", "grace: 2\n  scheduler.base: 1")
	c.env["OUTPUT_HOST"], c.env["OUTPUT_PORT"] = host, port
	return c
}

func TestHTTPGetsAListOfRecordsOnceItIsBack(t *testing.T) {
	t.Parallel()
	r := &receiving{failures: []int{503, 429}}
	server := httptest.NewServer(r)
	defer server.Close()
	c := sending(t, server, "http", "    format: json\n    uri: /ingest?a=b\n    http_user: u\n    http_passwd: p\n")
	c.write("a.log", "1\n2\n")
	c.start()
	c.wait("request", func() bool { return r.all() != "" })
	got := r.all()
	if !strings.HasPrefix(got, `POST /ingest?a=b  u:p [{"date":`) || !strings.Contains(got, `"log":"1"`) || !strings.Contains(got, `},{"date":`) {
		t.Errorf("got %s", got)
	}
}

func TestLokiGetsAStreamWithLabelsAndATenant(t *testing.T) {
	t.Parallel()
	r := &receiving{}
	server := httptest.NewTLSServer(r)
	defer server.Close()
	c := sending(t, server, "loki", "    labels: namespace=shop,pod=web-1\n    tenant_id: team-a\n    tls: on\n    tls.verify: true\n    tls.ca_file: ${CA}\n")
	c.env["CA"] = filepath.Join(c.state, "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	trial.Must(t, os.WriteFile(c.env["CA"], text, 0o600))
	c.write("a.log", "1\n")
	c.start()
	c.wait("request", func() bool { return r.all() != "" })
	got := r.all()
	if !strings.HasPrefix(got, `POST /loki/api/v1/push team-a : {"streams":[{"stream":{"namespace":"shop","pod":"web-1"},"values":[["`) ||
		!strings.Contains(got, `"{\"log\":\"1\",\"namespace\":\"shop\"`) {
		t.Errorf("got %s", got)
	}
}

func TestRecordsThatAreRefusedAreDropped(t *testing.T) {
	t.Parallel()
	r := &receiving{failures: []int{400}}
	server := httptest.NewServer(r)
	defer server.Close()
	c := sending(t, server, "http", "")
	c.write("a.log", "1\n")
	c.start()
	c.wait("the first request", func() bool { return strings.Contains(c.log.String(), "1 records are dropped: HTTP status 400") })
	c.write("a.log", "2\n")
	c.wait("the second request", func() bool { return strings.Contains(r.all(), `"log":"2"`) })
	if strings.Contains(r.all(), `"log":"1"`) {
		t.Errorf("got %s", r.all())
	}
}

func TestTheEndWaitsForAReceiverForAsLongAsGrace(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer server.Close()
	c := sending(t, server, "http", "")
	c.write("a.log", "1\n")
	c.start()
	c.wait("an attempt", func() bool { return strings.Contains(c.log.String(), "retry in") })
	begin := time.Now()
	trial.Must(t, c.stop())
	if took := time.Since(begin); took < 1900*time.Millisecond || took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(c.log.String(), "1 records are dropped") {
		t.Errorf("log: %s", c.log)
	}
}
