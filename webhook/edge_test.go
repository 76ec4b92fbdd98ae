package webhook_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/zapr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// library is a fixed set of templates.
type library struct {
	set   *templates.Set
	ready bool
}

func (l library) Current() *templates.Set { return l.set }
func (l library) Ready() bool             { return l.ready }

// setOf compiles templates; broken ones are in the set as broken entries.
func setOf(text string) *templates.Set {
	return templates.NewSet(load.Load(templates.SourceDirectory, "templates.yaml", []byte(text)))
}

// edge is the admission edge with all its dependencies under the test's control.
type edge struct {
	t        testing.TB
	handler  *webhook.Handler
	further  map[string]http.Handler // handlers of other paths
	access   webhook.AccessReviewer
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
	client   *http.Client
	url      string
}

// newEdge prepares an edge; change adapts the options, which by default hold no
// template and treat every namespace as enabled.
func newEdge(t testing.TB, change func(*webhook.Options)) *edge {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	registry := prometheus.NewRegistry()
	options := webhook.Options{
		Templates:  library{templates.NewSet(nil), true},
		Namespaces: webhook.NewStandaloneNamespaces(nil),
		Inject:     inject.Inject,
		Settings:   &inject.Settings{},
		Metrics:    webhook.NewMetrics(registry),
		Log:        zapr.NewLogger(zap.New(core)),
	}
	if change != nil {
		change(&options)
	}
	return &edge{t: t, handler: webhook.NewHandler(options), registry: registry, logs: logs}
}

// serve starts the edge behind TLS on loopback.
func (e *edge) serve() *edge {
	e.t.Helper()
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		e.t.Fatal(err)
	}
	leaf, err := certs.NewLeaf(authority, []string{"127.0.0.1"}, time.Now)
	if err != nil {
		e.t.Fatal(err)
	}
	server, err := webhook.NewServer("127.0.0.1:0", leaf.GetCertificate, e.handler, e.further)
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(ctx); err != nil {
			e.t.Error(err)
		}
	})
	e.t.Cleanup(func() { cancel(); running.Wait() })
	eventually(e.t, "the server is served", func() bool { return server.Served() == nil })

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Bundle())
	e.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}, Timeout: 30 * time.Second}
	e.t.Cleanup(e.client.CloseIdleConnections)
	e.url = "https://" + server.Address() + webhook.Path
	return e
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body []byte
}

// post sends a body as the API server does.
func (e *edge) post(body []byte) answer {
	e.t.Helper()
	return e.send(http.MethodPost, e.url, "application/json", bytes.NewReader(body))
}

func (e *edge) send(method, url, contentType string, body io.Reader) answer {
	e.t.Helper()
	request, err := http.NewRequestWithContext(e.t.Context(), method, url, body)
	if err != nil {
		e.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := e.client.Do(request)
	if err != nil {
		e.t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer{response, received}
}

// response returns the AdmissionResponse of a 200.
func (a answer) response(t *testing.T) *admissionv1.AdmissionResponse {
	t.Helper()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", a.StatusCode, a.body)
	}
	var review admissionv1.AdmissionReview
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&review); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if review.Kind != "AdmissionReview" || review.APIVersion != "admission.k8s.io/v1" || review.Response == nil {
		t.Fatalf("no answer to an AdmissionReview of v1: %s", a.body)
	}
	return review.Response
}

// errors returns the lines that were logged as errors.
func (e *edge) errors() []string {
	var lines []string
	for _, entry := range e.logs.All() {
		if entry.Level >= zapcore.ErrorLevel {
			lines = append(lines, entry.Message)
		}
	}
	return lines
}

// count returns the value of a metric with these labels, given as alternating names and values.
func (e *edge) count(name string, labels ...string) float64 {
	e.t.Helper()
	families, err := e.registry.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	metrics:
		for _, metric := range family.GetMetric() {
			has := map[string]string{}
			for _, label := range metric.GetLabel() {
				has[label.GetName()] = label.GetValue()
			}
			for i := 0; i < len(labels); i += 2 {
				if has[labels[i]] != labels[i+1] {
					continue metrics
				}
			}
			total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return total
}

// review returns an AdmissionReview of a pod's creation; changes are pairs of text to replace in it.
func review(pod string, changes ...string) []byte {
	const text = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{
		"uid":"705ab4f5-6393-11e8-b7cc-42010a800002",
		"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},
		"requestKind":{"group":"","version":"v1","kind":"Pod"},"requestResource":{"group":"","version":"v1","resource":"pods"},
		"namespace":"shop","operation":"CREATE","userInfo":{"username":"system:serviceaccount:kube-system:replicaset-controller","groups":["system:authenticated"]},
		"object":POD,"oldObject":null,"dryRun":false,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}}`
	return []byte(strings.NewReplacer(changes...).Replace(strings.Replace(text, "POD", pod, 1)))
}

const uid = "705ab4f5-6393-11e8-b7cc-42010a800002"

// asking returns a pod that requests templates.
func asking(request string) string {
	text, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	return `{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"web-","annotations":{"sidecar-injector.dev/inject":` + string(text) + `}},
		"spec":{"containers":[{"name":"web","image":"example.com/web:1","future":{"field":[1,2]}}],"futureField":"kept"}}`
}

const plainPod = `{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"web-"},"spec":{"containers":[{"name":"web","image":"example.com/web:1"}]}}`

// tail is a template with a secret-looking parameter.
const tail = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: tail}
spec:
  description: Prints a file.
  parameters:
  - {name: token, type: string, default: "", description: A secret.}
  pod:
    spec:
      initContainers:
      - name: ${instance}
        restartPolicy: Always
        image: example.com/tail:1
        env:
        - {name: TOKEN, value: "${params.token}"}
        resources: {requests: {cpu: 10m, memory: 16Mi}}
`
