package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// patience is how long a test waits for an expected event.
const patience = 30 * time.Second

// server is a running `sidecar-injector serve`.
type server struct {
	t       *testing.T
	process *os.Process
	client  *http.Client
	done    chan struct{}
	exit    int

	mu        sync.Mutex
	lines     []map[string]any
	addresses map[string]string
}

// start runs the binary on free ports of loopback and waits until it is ready.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	args = append([]string{"serve", "--standalone", "--ca-out", bundle, "--listen", "127.0.0.1:0",
		"--metrics-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command("sidecar-injector", args...) // TestMain has added it to the PATH
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	s := &server{t: t, process: cmd.Process, done: make(chan struct{}), addresses: map[string]string{}}
	go func() {
		defer close(s.done)
		s.read(stderr)
		_ = cmd.Wait() // the exit code is checked instead
		s.exit = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the process has usually ended
		<-s.done
	})
	s.eventually("ready", func() bool {
		if s.address("health") == "" || s.address("webhook") == "" {
			return false
		}
		status, _ := s.get("health", "/readyz")
		return status == http.StatusOK
	})
	pem, err := os.ReadFile(bundle)
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("--ca-out holds no certificate")
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: patience}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// read reads the log.
func (s *server) read(log io.Reader) {
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := map[string]any{}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			line = map[string]any{"msg": scanner.Text()}
		}
		s.mu.Lock()
		s.lines = append(s.lines, line)
		if line["msg"] == "serving" {
			s.addresses[line["what"].(string)] = line["address"].(string)
		}
		s.mu.Unlock()
	}
}

func (s *server) address(what string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses[what]
}

// logged returns the lines for which holds returns true.
func (s *server) logged(holds func(line map[string]any) bool) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []map[string]any
	for _, line := range s.lines {
		if holds(line) {
			found = append(found, line)
		}
	}
	return found
}

func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s; log: %v", patience, what, s.logged(func(map[string]any) bool { return true }))
		}
	}
}

// get sends a request to one of the HTTP listeners.
func (s *server) get(what, path string) (status int, body string) {
	response, err := http.Get("http://" + s.address(what) + path)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(data)
}

// post sends a body to the webhook.
func (s *server) post(body io.Reader) (*http.Response, []byte, error) {
	response, err := s.client.Post("https://"+s.address("webhook")+webhook.Path, "application/json", body)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response, data, err
}

func (s *server) mustPost(body string) (*http.Response, *admissionv1.AdmissionResponse) {
	s.t.Helper()
	response, data, err := s.post(strings.NewReader(body))
	must(s.t, err)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(data, &review); err != nil || review.Response == nil {
		s.t.Fatalf("status %d: %s", response.StatusCode, data)
	}
	return response, review.Response
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	must(s.t, s.process.Signal(sig))
}

// exits waits until the program ends and returns its exit code.
func (s *server) exits() int {
	s.t.Helper()
	select {
	case <-s.done:
		return s.exit
	case <-time.After(patience):
		s.t.Fatal("the process does not end")
		return -1
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const podReview = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1",
	"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},
	"namespace":"shop","operation":"CREATE","object":{"kind":"Pod","apiVersion":"v1",
	"metadata":{"name":"web","annotations":{"sidecar-injector.dev/inject":"health-check","health-check.sidecar-injector.dev/port":"80"}},
	"spec":{"containers":[{"name":"web","image":"example.com/web:1"}]}}}}`

func isError(line map[string]any) bool { return line["level"] == "error" }

// TestServe runs the real program.
func TestServe(t *testing.T) {
	t.Run("answers over its own certificate and measures itself", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		_, answer := s.mustPost(podReview)
		if !answer.Allowed || len(answer.Patch) == 0 {
			t.Errorf("the pod is not injected: %+v", answer)
		}
		if status, body := s.get("health", "/healthz"); status != http.StatusOK {
			t.Errorf("/healthz: %d %s", status, body)
		}
		_, metrics := s.get("metrics", "/metrics")
		for _, want := range []string{
			`sidecar_injector_decisions_total{outcome="injected",reason="Annotation",template="health-check"} 1`,
			`sidecar_injector_admission_duration_seconds_bucket{le="5e-05"}`,
			`sidecar_injector_admission_duration_seconds_bucket{le="2.5"} 1`,
			`sidecar_injector_templates{state="invalid"} 0`,
			`sidecar_injector_templates{state="loaded"} 6`,
			`sidecar_injector_template_info{revision="`,
			`sidecar_injector_template_last_success_timestamp_seconds{template="health-check"} `,
			`sidecar_injector_certificate_expiry_timestamp_seconds{certificate="serving"} `,
			`sidecar_injector_build_info{commit="`,
			`sidecar_injector_requests_in_flight 0`,
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("/metrics lacks %s", want)
			}
		}
		if lines := s.logged(isError); len(lines) > 0 {
			t.Errorf("logged as errors: %v", lines)
		}
		if lines := s.logged(func(l map[string]any) bool { return l["msg"] == "pod decided" }); len(lines) != 1 {
			t.Errorf("%d lines for one decision", len(lines))
		}
	})

	t.Run("drains on SIGTERM and exits 0", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--drain", "4s")
		if response, _ := s.mustPost(podReview); response.Close {
			t.Error("connections are closed before the drain")
		}
		// A request that is in progress when the signal arrives, and still when the drain is over.
		slow, feed := io.Pipe()
		slowDone := make(chan error, 1)
		go func() {
			response, body, err := s.post(slow)
			if err == nil && response.StatusCode != http.StatusOK {
				err = errors.New(string(body))
			}
			slowDone <- err
		}()
		_, err := io.WriteString(feed, podReview[:100])
		must(t, err)
		s.eventually("the slow request has arrived", func() bool {
			_, metrics := s.get("metrics", "/metrics")
			return strings.Contains(metrics, "sidecar_injector_requests_in_flight 1")
		})

		s.signal(syscall.SIGTERM)
		s.eventually("not ready", func() bool {
			status, body := s.get("health", "/readyz")
			return status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
		})
		if status, _ := s.get("health", "/healthz"); status != http.StatusOK {
			t.Errorf("/healthz says %d while draining: the process would be killed", status)
		}
		for range 5 {
			response, answer := s.mustPost(podReview)
			if !response.Close || len(answer.Patch) == 0 {
				t.Errorf("while draining: Connection: close is %v, %+v", response.Close, answer)
			}
		}
		s.eventually("the listener is closed", func() bool {
			_, _, err := s.post(strings.NewReader(podReview))
			return err != nil
		})
		_, err = io.WriteString(feed, podReview[100:])
		must(t, err)
		must(t, feed.Close())
		if err := <-slowDone; err != nil {
			t.Errorf("the request that was under way: %v", err)
		}
		if code := s.exits(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if lines := s.logged(isError); len(lines) > 0 {
			t.Errorf("logged as errors: %v", lines)
		}
	})

	t.Run("exits at once on a second signal", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--drain", "1h")
		s.signal(syscall.SIGTERM)
		s.eventually("draining", func() bool {
			return len(s.logged(func(l map[string]any) bool { return l["msg"] == "draining" })) > 0
		})
		s.signal(syscall.SIGTERM)
		if code := s.exits(); code != exitNoAnswer {
			t.Errorf("exit code %d", code)
		}
	})

	t.Run("follows the directory of templates and keeps the last good", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		file := filepath.Join(dir, "own.yaml")
		text := "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own}\nspec: {pod: {metadata: {labels: {a: b}}}}\n"
		must(t, os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("kind: [\n"), 0o644))
		s := start(t, "--template-dir", dir)
		states := func(loaded, stale, invalid string) func() bool {
			return func() bool {
				_, metrics := s.get("metrics", "/metrics")
				return strings.Contains(metrics, `{state="loaded"} `+loaded+"\n") &&
					strings.Contains(metrics, `{state="stale"} `+stale+"\n") &&
					strings.Contains(metrics, `{state="invalid"} `+invalid+"\n")
			}
		}
		s.eventually("started with a broken file", states("6", "0", "1"))
		must(t, os.WriteFile(file, []byte(text), 0o644))
		s.eventually("loaded", states("7", "0", "1"))
		must(t, os.WriteFile(file, []byte(text+"nonsense: 1\n"), 0o644))
		s.eventually("stale", states("6", "1", "1"))
		_, answer := s.mustPost(strings.Replace(podReview, `"health-check"`, `"own"`, 1))
		if len(answer.Patch) == 0 {
			t.Errorf("the last good version is not in force: %+v", answer)
		}
		if lines := s.logged(func(l map[string]any) bool { return isError(l) && l["template"] == "own" }); len(lines) != 1 {
			t.Errorf("logged: %v", lines)
		}
	})

	t.Run("takes namespaces as the file gives them", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "namespaces.yaml")
		must(t, os.WriteFile(file, []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"), 0o644))
		s := start(t, "--namespace-file", file)
		if _, answer := s.mustPost(podReview); answer.Patch != nil || answer.AuditAnnotations["decision"] != "skipped NotEnabled" {
			t.Errorf("a namespace without the label: %+v", answer)
		}
		if _, answer := s.mustPost(strings.Replace(podReview, `"shop"`, `"other"`, 1)); len(answer.Patch) == 0 {
			t.Errorf("a namespace that the file does not have: %+v", answer)
		}
	})
}

func TestServeThatCannotStartExitsWith2AndSaysWhy(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	must(t, os.WriteFile(empty, nil, 0o644))
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	must(t, os.WriteFile(wrong, []byte("natve: true\n"), 0o644))
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"an argument":                    {[]string{"now"}, []string{"error: ", `"now"`}},
		"an unknown flag":                {[]string{"--port", "1"}, []string{"error: unknown flag: --port", "hint: ", "serve --help"}},
		"a negative drain":               {[]string{"--standalone", "--drain", "-1s"}, []string{"error: --drain -1s"}},
		"an unknown log level":           {[]string{"--standalone", "--log-level", "loud"}, []string{`error: --log-level "loud"`}},
		"an address that is none":        {[]string{"--standalone", "--listen", "9443"}, []string{`error: webhook address "9443"`}},
		"a directory that is not there":  {[]string{"--standalone", "--template-dir", absent}, []string{"error: templates: ", absent}},
		"a configuration that is absent": {[]string{"--standalone", "--config", absent}, []string{"error: configuration: ", absent}},
		"a configuration that is wrong":  {[]string{"--standalone", "--config", wrong}, []string{"error: " + wrong + ":1:1: ", "hint: did you mean native?"}},
		"namespaces that are absent":     {[]string{"--standalone", "--namespace-file", absent}, []string{"error: namespaces: ", absent}},
		"namespaces that are none":       {[]string{"--standalone", "--namespace-file", empty}, []string{"holds no Namespace", "hint: "}},
		"a name without a cluster":       {[]string{"--standalone", "--name", "injector"}, []string{"error: --standalone: ", "--name"}},
		"a name that no Service has":     {[]string{"--name", "Injector.1"}, []string{`error: --name "Injector.1": want`}},
		"a bundle of what is shared":     {[]string{"--name", "injector", "--ca-out", absent}, []string{"error: --ca-out: ", "hint: the Secret injector-ca"}},
		"a bundle of another's":          {[]string{"--standalone", "--certificate-dir", absent, "--ca-out", absent}, []string{"error: --ca-out: "}},
		"certificates that are absent":   {[]string{"--standalone", "--certificate-dir", absent}, []string{"error: certificate in " + absent}},
		"a bundle that cannot be kept":   {[]string{"--standalone", "--ca-out", absent + "/ca.crt"}, []string{"error: certificate authority's bundle: "}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := run(append([]string{"sidecar-injector", "serve"}, c.args...), streams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
			if code != exitNoAnswer || out.Len() > 0 {
				t.Errorf("exit code %d, stdout %q", code, out.String())
			}
			for _, want := range c.says {
				if !strings.Contains(errOut.String(), want) {
					t.Errorf("stderr lacks %q: %s", want, errOut.String())
				}
			}
		})
	}
}
