package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// FuzzAdmissionReview checks that any body results in a client error or in a valid AdmissionReview with the
// UID that was sent, and never in an internal error.
func FuzzAdmissionReview(f *testing.F) {
	f.Add(review(plainPod))
	f.Add(review(asking("tail, a=tail")))
	f.Add(review(asking("tial")))
	f.Add(review("null", `"CREATE"`, `"DELETE"`))
	f.Add(review(plainPod)[:120])
	f.Add([]byte(`{"request":{"uid":"\ud83d\ude00\n\u0000","object":{"metadata":{"name":7}}},"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`))
	handler := webhook.NewHandler(webhook.Options{
		Templates:  library{setOf(tail), true},
		Namespaces: webhook.NewStandaloneNamespaces(nil),
		Inject:     inject.Inject,
		Settings:   &inject.Settings{},
		Metrics:    webhook.NewMetrics(prometheus.NewRegistry()),
		Log:        logr.Discard(),
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		request := httptest.NewRequest(http.MethodPost, webhook.Path, bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)

		got := answer{recorder.Result(), recorder.Body.Bytes()}
		if got.StatusCode >= 400 && got.StatusCode < 500 {
			return
		}
		response := got.response(t)
		var sent admissionv1.AdmissionReview
		if err := json.Unmarshal(body, &sent); err == nil && sent.Request != nil && sent.Request.UID != response.UID {
			// encoding/json also accepts "UID" for uid; the handler matches names exactly, as the API
			// server writes them.
			if bytes.Contains(body, []byte(`"uid"`)) && bytes.Count(bytes.ToLower(body), []byte("uid")) == 1 {
				t.Errorf("sent uid %q, got %q", sent.Request.UID, response.UID)
			}
		}
		if len(response.Patch) > 0 && !json.Valid(response.Patch) {
			t.Errorf("the patch is no JSON: %q", response.Patch)
		}
	})
}

// FuzzAdvice checks that no object of a workload is refused, that warnings are printable, and that an
// update without changes gets no warnings.
func FuzzAdvice(f *testing.F) {
	f.Add([]byte(deployment("", annotated("sidecar-injector.dev/inject", "tail"))))
	f.Add([]byte(deployment(annotated("sidecar-injector.dev/inject", "\x1b[31m\r\n"), annotated("sidecar-injector.dev/inject", "tial,\u202e"))))
	f.Add([]byte(`{"metadata":{"ownerReferences":[{"controller":true}]},"spec":{"jobTemplate":{"metadata":7},"template":null}}`))
	f.Add([]byte(`{"spec":{"template":{"metadata":{"labels":{"sidecar-injector.dev/injection":"\u0000"}},"spec":{"serviceAccountName":7}}}}`))
	advice := webhook.NewAdvice(webhook.NewHandler(webhook.Options{
		Templates:  library{setOf(tail + needy), true},
		Namespaces: webhook.NewStandaloneNamespaces(nil),
		Inject:     inject.Inject,
		Settings:   &inject.Settings{},
		Metrics:    webhook.NewMetrics(prometheus.NewRegistry()),
		Log:        logr.Discard(),
		Access:     webhook.NewCachedReviewer(&authorizer{}),
	}))
	kinds := [][3]string{{"apps", "deployments", "Deployment"}, {"apps", "statefulsets", "StatefulSet"}, {"batch", "cronjobs", "CronJob"}}
	f.Fuzz(func(t *testing.T, object []byte) {
		for _, kind := range kinds {
			for _, old := range []string{"", string(object)} {
				body := workloadReview(kind[0], kind[1], kind[2], string(object), old)
				request := httptest.NewRequest(http.MethodPost, webhook.AdvicePath, strings.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				recorder := httptest.NewRecorder()
				advice.ServeHTTP(recorder, request)
				got := answer{recorder.Result(), recorder.Body.Bytes()}
				if got.StatusCode == http.StatusBadRequest && !json.Valid([]byte(body)) {
					return
				}
				response := got.response(t)
				if !response.Allowed || response.Patch != nil || len(response.Warnings) > 13 || old != "" && len(response.Warnings) > 0 {
					t.Errorf("%s: %s", kind[2], got.body)
				}
				for _, w := range response.Warnings {
					if len(w) > 256 || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("%q", w)
					}
				}
			}
		}
	})
}
