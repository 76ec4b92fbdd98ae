package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
)

// TestATrialWithoutAnAnswerSaysNothingAboutThePod: what the API server answers instead is told as what it is,
// and what a webhook or a quota says about the pod is the trial's result.
func TestATrialWithoutAnAnswerSaysNothingAboutThePod(t *testing.T) {
	for name, test := range map[string]struct {
		code            int
		reason, message string
		want            string // of the finding, if there is no trial
	}{
		"login expired":      {401, "Unauthorized", "Unauthorized", "the API server does not know who asks"},
		"overload":           {429, "TooManyRequests", "too many requests", "the API server takes no more requests for now"},
		"fault":              {500, "InternalError", "etcdserver: no leader", "the API server has failed"},
		"away":               {503, "ServiceUnavailable", "away", "the API server cannot answer for now"},
		"quota":              {403, "Forbidden", `pods "x" is forbidden: exceeded quota: small`, ""},
		"another webhook":    {403, "Forbidden", `admission webhook "x.example" denied the request: no`, ""},
		"our webhook away":   {500, "InternalError", `Internal error occurred: failed calling webhook "pods.sidecar-injector.dev": EOF`, ""},
		"their webhook away": {500, "InternalError", `Internal error occurred: failed calling webhook "x.example": EOF`, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}`)
				return
			}
			w.WriteHeader(test.code)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q}`, test.reason, test.code, test.message)
		}))
		t.Cleanup(server.Close)
		reader, err := live.NewReader(&rest.Config{Host: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		g := &gatherer{Reader: reader, facts: &Facts{Installations: []live.Installation{{Name: "injector", Namespace: "sidecars"}}}}
		trial, err := g.trial(t.Context(), "shop", "log-collector", true)
		switch {
		case test.want == "" && (err != nil || trial.Message != test.message):
			t.Errorf("%s: %+v, %v, want the message", name, trial, err)
		case test.want != "" && err == nil:
			t.Errorf("%s: a result %+v", name, trial)
		case test.want != "":
			if f := unseen("a pod by dry run", "create pods", err)[0]; f.Mark != Warning || !strings.HasPrefix(f.Cause, test.want) || f.Fix == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}
