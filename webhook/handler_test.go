package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func withTemplates(text string) func(*webhook.Options) {
	return func(o *webhook.Options) { o.Templates = library{setOf(text), true} }
}

func TestInjectedPodIsAnsweredWithAPatchOfItsOwnBytes(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	pod := asking("tail")
	response := e.post(review(pod)).response(t)

	if string(response.UID) != uid || !response.Allowed || response.Result != nil {
		t.Errorf("uid %q, allowed %v, result %v", response.UID, response.Allowed, response.Result)
	}
	if response.PatchType == nil || *response.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Fatalf("patch type %v", response.PatchType)
	}
	patch, err := jsonpatch.DecodePatch(response.Patch)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply([]byte(pod))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"tail"`, `"future":{"field":[1,2]}`, `"futureField":"kept"`, `sidecar-injector.dev/status`} {
		if !strings.Contains(string(patched), want) {
			t.Errorf("the patched pod lacks %s: %s", want, patched)
		}
	}
	for key, value := range response.AuditAnnotations {
		if problems := validation.IsQualifiedName(key); len(problems) > 0 || strings.Contains(key, "/") || value == "" {
			t.Errorf("audit annotation %q: %q: %v", key, value, problems)
		}
	}
	if got := response.AuditAnnotations["decision"]; got != "injected Annotation" {
		t.Errorf("audit annotation decision: %q", got)
	}
}

func TestDryRunIsAnsweredLikeAnyOther(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	real := e.post(review(asking("tail"))).response(t)
	dry := e.post(review(asking("tail"), `"dryRun":false`, `"dryRun":true`)).response(t)
	if diff := cmp.Diff(real, dry); diff != "" {
		t.Error(diff)
	}
}

func TestPodThatGetsNothingIsAllowedWithoutPatch(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	response := e.post(review(plainPod)).response(t)
	if !response.Allowed || response.Patch != nil || response.PatchType != nil {
		t.Errorf("%+v", response)
	}
	if got := e.count("sidecar_injector_decisions_total", "outcome", "skipped", "reason", "NothingRequested"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

func TestAuthorsFaultIsARefusalWithEveryCause(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	response := e.post(review(asking("tial, other"))).response(t)
	if response.Allowed || response.Patch != nil || response.Result == nil {
		t.Fatalf("%+v", response)
	}
	status := response.Result
	if status.Code != 422 || status.Reason != metav1.StatusReasonInvalid || status.Status != metav1.StatusFailure {
		t.Errorf("status %+v", status)
	}
	if !strings.Contains(status.Message, "did you mean") || status.Details == nil || len(status.Details.Causes) != 2 {
		t.Errorf("message %q, details %+v", status.Message, status.Details)
	}
	if lines := e.errors(); len(lines) > 0 {
		t.Errorf("logged as errors: %v", lines)
	}
}

func TestWarningsReachTheCaller(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
			return &inject.Result{Outcome: inject.Skipped, Reason: inject.UnknownLabelValue, Warnings: []string{`one "quoted"`, "two"}}, nil
		}
	}).serve()
	response := e.post(review(plainPod)).response(t)
	if diff := cmp.Diff([]string{`one "quoted"`, "two"}, response.Warnings); diff != "" {
		t.Error(diff)
	}
}

// neverAsked returns an Injector that fails the test if it is called.
func neverAsked(t *testing.T) webhook.Injector {
	return func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
		t.Error("the injection was asked")
		return nil, errors.New("asked")
	}
}

func TestAnythingButThePodsCreationIsAllowedUntouched(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Inject = neverAsked(t) }).serve()
	for name, body := range map[string][]byte{
		"an update":          review(asking("tail"), `"CREATE"`, `"UPDATE"`),
		"a deletion":         review("null", `"CREATE"`, `"DELETE"`),
		"a subresource":      review(asking("tail"), `"namespace":"shop"`, `"namespace":"shop","subResource":"ephemeralcontainers"`),
		"another kind":       review(`{"kind":"Deployment"}`, `"group":"","version":"v1","kind":"Pod"`, `"group":"apps","version":"v1","kind":"Deployment"`, `"resource":"pods"`, `"resource":"deployments"`),
		"a cluster's object": review(`{"kind":"Node"}`, `"kind":"Pod"`, `"kind":"Node"`, `"resource":"pods"`, `"resource":"nodes"`, `"namespace":"shop",`, ""),
	} {
		response := e.post(body).response(t)
		if !response.Allowed || response.Patch != nil || string(response.UID) != uid {
			t.Errorf("%s: %+v", name, response)
		}
	}
}

func TestCallersFaultsLeaveTheConnectionAndTheErrorLogAlone(t *testing.T) {
	const limit = 64 << 10
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = neverAsked(t)
		o.Limits.MaxBody = limit
	}).serve()
	large := bytes.Repeat([]byte("x"), 3*limit)
	cases := map[string]struct {
		method, path, contentType string
		body                      []byte
		code                      int
		says                      string
	}{
		"another method":             {method: http.MethodGet, code: 405, says: "want POST"},
		"another path":               {path: "s", code: 404, says: "want /mutate"},
		"another content type":       {contentType: "application/yaml", body: []byte("a: b"), code: 415, says: "want application/json"},
		"no content type":            {contentType: "none", code: 415, says: "want application/json"},
		"an empty body":              {code: 400, says: "empty"},
		"a body over the limit":      {body: large, code: 413, says: "larger than 65536 bytes"},
		"large and mistyped":         {contentType: "text/plain", body: large, code: 415, says: "text/plain"},
		"a truncated body":           {body: review(plainPod)[:200], code: 400, says: "ends too early"},
		"binary":                     {body: []byte{0, 1, 2, 255}, code: 400, says: "want an object"},
		"a list":                     {body: []byte("[]"), code: 400, says: "want an object"},
		"something behind":           {body: append(review(plainPod), "{}"...), code: 400, says: "something follows"},
		"another kind":               {body: review(plainPod, "AdmissionReview", "ConversionReview"), code: 400, says: `got "admission.k8s.io/v1" and "ConversionReview"`},
		"another version":            {body: review(plainPod, "admission.k8s.io/v1", "admission.k8s.io/v1beta1"), code: 400, says: "v1beta1"},
		"no request":                 {body: []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`), code: 400, says: "request: missing"},
		"no uid":                     {body: review(plainPod, uid, ""), code: 400, says: "request.uid: missing"},
		"a uid that is a number":     {body: review(plainPod, `"`+uid+`"`, "7"), code: 400, says: "request.uid: want a string"},
		"no object":                  {body: review("null"), code: 400, says: "request.object: missing"},
		"an object that is none":     {body: review(`"pod"`), code: 400, says: "request.object: want an object"},
		"a flag that is a string":    {body: review(plainPod, `"dryRun":false`, `"dryRun":"no"`), code: 400, says: "request.dryRun: want true or false"},
		"a namespace that is a path": {body: review(plainPod, `"shop"`, `"../nodes"`), code: 400, says: "request.namespace: "},
		"no namespace":               {body: review(plainPod, `"shop"`, `""`), code: 400, says: "request.namespace: missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			switch c.contentType {
			case "":
				c.contentType = "application/json"
			case "none":
				c.contentType = ""
			}
			got := e.send(c.method, e.url+c.path, c.contentType, bytes.NewReader(c.body))
			if got.StatusCode != c.code || !strings.Contains(string(got.body), c.says) {
				t.Errorf("status %d, %s; want %d and %q", got.StatusCode, got.body, c.code, c.says)
			}
			if got.Close || !e.reuses(t) {
				t.Error("the connection did not survive")
			}
		})
	}
	if lines := e.errors(); len(lines) > 0 {
		t.Errorf("logged as errors: %v", lines)
	}
}

// reuses reports whether the next request, a valid one, reuses an existing connection.
func (e *edge) reuses(t *testing.T) bool {
	t.Helper()
	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(review("null", `"CREATE"`, `"DELETE"`)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the next request: status %d, %v", response.StatusCode, err)
	}
	return reused
}

func TestBodyOfUnknownLengthIsBounded(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Limits.MaxBody = 4 << 10 }).serve()
	body := review(plainPod)
	// With a reader of unknown type the client uses chunked encoding.
	if got := e.send(http.MethodPost, e.url, "application/json", io.MultiReader(bytes.NewReader(body))); got.StatusCode != 200 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	padded := io.MultiReader(bytes.NewReader(body), strings.NewReader(strings.Repeat(" ", 8<<10)))
	if got := e.send(http.MethodPost, e.url, "application/json; charset=utf-8", padded); got.StatusCode != 413 {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}

type failingNamespaces struct{ err error }

func (f failingNamespaces) Namespace(context.Context, string) (inject.Namespace, error) {
	return inject.Namespace{}, f.err
}

func TestOwnFaultsAreA500SoThatTheFailurePolicyDecides(t *testing.T) {
	cases := map[string]struct {
		change func(*webhook.Options)
		says   string
	}{
		"a panic": {func(o *webhook.Options) {
			o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) { panic("secret value") }
		}, "internal error"},
		"an error": {func(o *webhook.Options) {
			o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
				return nil, errors.New("out of order")
			}
		}, "out of order"},
		"a namespace that cannot be looked up": {func(o *webhook.Options) {
			o.Namespaces = failingNamespaces{errors.New("connection refused")}
		}, `namespace "shop": connection refused`},
		"templates that are not loaded": {func(o *webhook.Options) {
			o.Templates = library{templates.NewSet(nil), false}
		}, "templates are not loaded yet"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, c.change).serve()
			got := e.post(review(asking("tail")))
			if got.StatusCode != http.StatusInternalServerError || !strings.Contains(string(got.body), c.says) {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
			if strings.Contains(string(got.body), "secret value") {
				t.Error("the answer repeats the panic's value")
			}
			if n := e.count("sidecar_injector_decisions_total", "outcome", "error", "reason", "InternalError"); n != 1 {
				t.Errorf("counted %v times", n)
			}
			if len(e.errors()) == 0 {
				t.Error("nothing is logged as an error")
			}
			if !e.reuses(t) {
				t.Error("the connection did not survive")
			}
		})
	}
}

func TestPodThatIsNoPodIsTheCallersFault(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	got := e.post(review(strings.Replace(asking("tail"), `"spec":{`, `"spec":7,"x":{`, 1)))
	if got.StatusCode != http.StatusBadRequest || len(e.errors()) > 0 {
		t.Errorf("status %d: %s; errors %v", got.StatusCode, got.body, e.errors())
	}
}

func TestDrainingServerAnswersAndClosesConnections(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	if got := e.post(review(plainPod)); got.Close {
		t.Error("the connection is closed before the drain")
	}
	e.handler.Drain()
	for range 3 {
		got := e.post(review(asking("tail")))
		if !got.Close || got.response(t).Patch == nil {
			t.Errorf("close %v: %s", got.Close, got.body)
		}
	}
	if got := e.send(http.MethodGet, e.url, "", nil); !got.Close {
		t.Error("an answer of another kind leaves the connection open")
	}
}
