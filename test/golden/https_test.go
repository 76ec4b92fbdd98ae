package golden_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
)

// patience is the maximum time of a server's start and of an answer.
const patience = 30 * time.Second

// httpsDoor runs sidecar-injector serve --standalone and posts each pod to it, as the API server would.
func httpsDoor(binary string) func(*testing.T, *goldenCase) func(*testing.T, *goldenCase) answer {
	return func(t *testing.T, c *goldenCase) func(*testing.T, *goldenCase) answer {
		t.Helper()
		return startServer(t, binary, c).ask
	}
}

// ask posts the pods of a case and applies the patches to its documents.
func (s *server) ask(t *testing.T, c *goldenCase) answer {
	t.Helper()
	stream, pods, err := parse(c.inputName, c.input)
	if err != nil {
		return answer{refusals: []string{err.Error()}} // there is no pod to post
	}
	got := answer{warnings: []string{}}
	edits := map[*manifest.Document][]edit.Operation{}
	for _, p := range pods {
		response := s.post(t, p)
		got.warnings = append(got.warnings, response.Warnings...)
		if !response.Allowed {
			got.refusals = append(got.refusals, response.Result.Message)
		}
		edits[p.Document] = append(edits[p.Document], operations(t, p, response.Patch)...)
	}
	if len(got.refusals) == 0 {
		got.manifest = edited(t, stream, edits)
	}
	return got
}

// operations converts a JSON patch to operations on the pod's document.
func operations(t *testing.T, p pod, patch []byte) []edit.Operation {
	t.Helper()
	if patch == nil {
		return nil
	}
	var list []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(patch, &list); err != nil {
		t.Fatalf("patch: %v", err)
	}
	ops := make([]edit.Operation, 0, len(list))
	for _, o := range list {
		if o.Op != "add" {
			t.Errorf("operation %s on %s: want add only", o.Op, o.Path)
		}
		ops = append(ops, edit.Operation{Path: p.Pointer + o.Path, Value: o.Value})
	}
	return ops
}

// server is a running program.
type server struct {
	address string
	client  *http.Client
}

// startServer runs the program in the case's folder until the test ends.
func startServer(t *testing.T, binary string, c *goldenCase) *server {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	args := []string{"serve", "--standalone", "--ca-out", bundle, "--listen", "127.0.0.1:0",
		"--metrics-listen", "", "--health-listen", "127.0.0.1:0", "--drain", "0s"}
	if file := c.namespaceFile(t); file != "" {
		args = append(args, "--namespace-file", file)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	cmd := c.command(ctx, binary, args...)
	log, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	addresses := map[string]string{}
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for len(addresses) < 2 && scanner.Scan() {
		var line struct{ Msg, What, Address string }
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Msg == "serving" {
			addresses[line.What] = line.Address
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for scanner.Scan() {
		}
	}()
	t.Cleanup(func() {
		stop()
		<-drained
		_ = cmd.Wait() // killed on purpose
	})
	waitUntilReady(t, "http://"+addresses["health"]+"/readyz")
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read(t, bundle)) {
		t.Fatal("--ca-out holds no certificate")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return &server{address: addresses["webhook"], client: client}
}

// namespaceFile returns a file with the Namespaces of the case, "" if it has none.
func (c *goldenCase) namespaceFile(t *testing.T) string {
	t.Helper()
	text := c.namespaces()
	if text == "" {
		return ""
	}
	path := filepath.Join(t.TempDir(), "namespaces.yaml")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func waitUntilReady(t *testing.T, url string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		response, err := http.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not answer 200 within %s: %v", url, patience, err)
		}
	}
}

// post sends the review of one pod.
func (s *server) post(t *testing.T, p pod) *admissionv1.AdmissionResponse {
	t.Helper()
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:       "golden",
			Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Namespace: p.request.Namespace.Name,
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: p.madeByItsController(t)},
		},
	}
	body, err := json.Marshal(review)
	must(t, err)
	response, err := s.client.Post("https://"+s.address+"/mutate", "application/json", bytes.NewReader(body))
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var answered admissionv1.AdmissionReview
	if err := json.NewDecoder(response.Body).Decode(&answered); err != nil || answered.Response == nil {
		t.Fatalf("status %s: %v", response.Status, err)
	}
	if answered.Response.UID != review.Request.UID {
		t.Errorf("UID %q, want %q", answered.Response.UID, review.Request.UID)
	}
	return answered.Response
}

// madeByItsController returns the pod with the owner that a controller sets. A template without metadata
// requests nothing, and is not changed.
func (p pod) madeByItsController(t *testing.T) []byte {
	t.Helper()
	var object, metadata map[string]json.RawMessage
	if p.request.Owner.Kind == "" || json.Unmarshal(p.request.Pod, &object) != nil || json.Unmarshal(object["metadata"], &metadata) != nil || metadata == nil {
		return p.request.Pod
	}
	encode := func(value any) []byte {
		raw, err := json.Marshal(value)
		must(t, err)
		return raw
	}
	controller := true
	owner := p.request.Owner
	metadata["ownerReferences"] = encode([]metav1.OwnerReference{{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name, UID: "golden", Controller: &controller}})
	object["metadata"] = encode(metadata)
	return encode(object)
}
