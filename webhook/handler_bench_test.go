package webhook_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-logr/zapr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// benchmarkHandler returns a handler configured as in the program, with metrics and a log of every
// decision, which is discarded.
func benchmarkHandler(b testing.TB, collection traffic.Collection) *webhook.Handler {
	b.Helper()
	var entries []templates.Entry
	for file, text := range collection {
		entries = append(entries, load.Load(templates.SourceDirectory, file, []byte(text))...)
	}
	embedded, err := source.NewBuiltIn().Compiled() // not in the first round
	if err != nil {
		b.Fatal(err)
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return webhook.NewHandler(webhook.Options{
		Templates:  library{templates.NewSet(append(entries, embedded...)), true},
		Namespaces: webhook.NewStandaloneNamespaces(nil),
		Inject:     inject.Inject,
		Settings:   &inject.Settings{},
		Metrics:    webhook.NewMetrics(prometheus.NewRegistry()),
		Log:        zapr.NewLogger(zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(io.Discard)), zap.InfoLevel))),
	})
}

// benchmarkReviews runs each for the bodies of the load test, by the template that they request.
func benchmarkReviews(b *testing.B, each func(b *testing.B, body []byte)) {
	for _, p := range []struct {
		name string
		pod  func() *corev1.Pod
	}{
		{"small", traffic.Small},
		{"grafana", traffic.Grafana},
		{"large", func() *corev1.Pod { return traffic.Crowded(30, 200) }},
	} {
		for _, asked := range []string{traffic.Requested, "log-collector", ""} {
			pod, name := p.pod(), asked
			if asked == "" {
				name = "nothing"
			} else {
				pod.Annotations[inject.RequestAnnotation] = asked
			}
			body, err := traffic.Review(pod)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("pod="+p.name+"/asks="+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				each(b, body)
			})
		}
	}
}

// BenchmarkHandler measures a complete request without TLS and network.
func BenchmarkHandler(b *testing.B) {
	handler := benchmarkHandler(b, traffic.OneTemplate())
	benchmarkReviews(b, func(b *testing.B, body []byte) { benchmarkAnswer(b, handler, body) })
}

func benchmarkAnswer(b *testing.B, handler *webhook.Handler, body []byte) {
	for b.Loop() {
		answerOnce(b, handler, body)
	}
}

func answerOnce(b testing.TB, handler *webhook.Handler, body []byte) {
	request := httptest.NewRequest(http.MethodPost, webhook.Path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		b.Fatal(answer.Code, answer.Body)
	}
}

// TestAPodThatAsksForNothingMakesFewAllocations counts those of a complete request. Most pods of an opted-in
// namespace ask for nothing.
func TestAPodThatAsksForNothingMakesFewAllocations(t *testing.T) {
	const most = 80 // 68 at present, those of the test included
	handler := benchmarkHandler(t, traffic.OneTemplate())
	body, err := traffic.Review(traffic.Small())
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() { answerOnce(t, handler, body) }); n > most {
		t.Errorf("%.0f allocations, want at most %d", n, most)
	}
}

// BenchmarkSelectors measures a pod that ten templates select, out of ten and out of a thousand.
func BenchmarkSelectors(b *testing.B) {
	body, err := traffic.Review(traffic.Grafana())
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10, 1000} {
		handler := benchmarkHandler(b, traffic.SelectingTemplates(n, 10, 100))
		b.Run(fmt.Sprintf("templates=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			benchmarkAnswer(b, handler, body)
		})
	}
}
