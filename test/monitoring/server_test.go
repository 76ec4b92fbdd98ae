package monitoring

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// patience is the maximum time that a test waits for an expected event.
const patience = 30 * time.Second

const review = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1",
	"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},
	"namespace":"shop","operation":"CREATE","object":{"kind":"Pod","apiVersion":"v1",
	"metadata":{"name":"web","annotations":{"sidecar-injector.dev/inject":"health-check","health-check.sidecar-injector.dev/port":"80"}},
	"spec":{"containers":[{"name":"web","image":"example.com/web:1"}]}}}}`

// exposed returns the metrics of the real program after it has injected, refused and rejected requests.
func exposed(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "sidecar-injector")
	build := exec.Command("../../tools/build.sh", binary)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("tools/build.sh: %v\n%s", err, said)
	}
	bundle := filepath.Join(dir, "ca.crt")
	serve := exec.Command(binary, "serve", "--standalone", "--ca-out", bundle,
		"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0")
	log, err := serve.StderrPipe()
	must(t, err)
	must(t, serve.Start())
	t.Cleanup(func() { _ = serve.Process.Kill(); _ = serve.Wait() }) // killed on purpose

	addresses := map[string]string{}
	for lines := bufio.NewScanner(log); len(addresses) < 3 && lines.Scan(); {
		var line struct{ Msg, What, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("log: %s", lines.Text())
		}
		if line.Msg == "serving" {
			addresses[line.What] = line.Address
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }() // drained, because a full pipe would block the program
	ready(t, "http://"+addresses["health"]+"/readyz")

	authority, err := os.ReadFile(bundle)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: patience}
	defer client.CloseIdleConnections()
	for _, body := range []string{review, strings.Replace(review, `"health-check"`, `"no-such"`, 1), "nonsense"} {
		response, err := client.Post("https://"+addresses["webhook"]+"/mutate", "application/json", strings.NewReader(body))
		must(t, err)
		must(t, response.Body.Close())
	}
	response, err := http.Get("http://" + addresses["metrics"] + "/metrics")
	must(t, err)
	defer response.Body.Close()
	return parse(t, response.Body)
}

func ready(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		response, err := http.Get(url)
		if err == nil {
			_ = response.Body.Close() // only the status is used
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", err)
		}
	}
}

// apiServer returns recorded webhook metrics of a real API server; test/controlplane compares them with the
// real ones.
func apiServer(t *testing.T) map[string]*dto.MetricFamily { return recorded(t, "apiserver.txt") }

// keeper returns the recorded additional metrics of a keeper; test/controlplane compares them with the real
// ones.
func keeper(t *testing.T) map[string]*dto.MetricFamily { return recorded(t, "keeper.txt") }

func recorded(t *testing.T, name string) map[string]*dto.MetricFamily {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	must(t, err)
	defer file.Close()
	return parse(t, file)
}

func parse(t *testing.T, text io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	must(t, err)
	return families
}
