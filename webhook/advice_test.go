package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// deployment returns a Deployment with the given members of its own metadata and of its pod template's.
func deployment(own, template string) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"%s},`+
		`"spec":{"replicas":1,"template":{"metadata":{"labels":{"app":"web"}%s},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`, own, template)
}

func annotated(pairs ...string) string {
	text, err := json.Marshal(pairsOf(pairs))
	if err != nil {
		panic(err)
	}
	return `,"annotations":` + string(text)
}

// workloadReview returns an AdmissionReview of a workload; old is "" for a creation.
func workloadReview(group, resource, kind, object, old string) string {
	operation := "CREATE"
	if old != "" {
		operation = "UPDATE"
	} else {
		old = "null"
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":%q,`+
		`"kind":{"group":%q,"version":"v1","kind":%q},"resource":{"group":%q,"version":"v1","resource":%q},`+
		`"name":"web","namespace":"shop","operation":%q,"object":%s,"oldObject":%s,"dryRun":false}}`,
		uid, group, kind, group, resource, operation, object, old)
}

func createDeployment(object string) string {
	return workloadReview("apps", "deployments", "Deployment", object, "")
}

// advise posts a body to AdvicePath and returns the response.
func (e *edge) advise(body string) *httptest.ResponseRecorder {
	e.t.Helper()
	request := httptest.NewRequestWithContext(e.t.Context(), http.MethodPost, webhook.AdvicePath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	options := e.handler.Options
	options.Access = e.access
	webhook.NewAdvice(webhook.NewHandler(options)).ServeHTTP(recorder, request)
	return recorder
}

// warnings returns the warnings of the response, which must allow the request.
func (e *edge) warnings(body string) []string {
	e.t.Helper()
	recorder := e.advise(body)
	if recorder.Code != http.StatusOK {
		e.t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	var got admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		e.t.Fatal(err)
	}
	if r := got.Response; r == nil || !r.Allowed || string(r.UID) != uid || r.Patch != nil || r.Result != nil {
		e.t.Fatalf("want allowed and nothing more, got %s", recorder.Body)
	}
	return got.Response.Warnings
}

// unasked is a Namespaces that must not be asked.
type unasked struct{ t *testing.T }

func (u unasked) Namespace(_ context.Context, name string) (inject.Namespace, error) {
	u.t.Errorf("namespace %q is looked up", name)
	return inject.Namespace{}, nil
}

// TestANamespaceThatIsAPathIsNeverLookedUp: it would become part of a URL that the API server is asked for
// with the injector's rights.
func TestANamespaceThatIsAPathIsNeverLookedUp(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Namespaces = unasked{t} })
	for _, namespace := range []string{"../secrets", "shop/pods/web", "shop?watch=1", "..", "Shop", strings.Repeat("x", 64)} {
		body := strings.Replace(createDeployment(deployment("", "")), `"namespace":"shop"`, `"namespace":"`+namespace+`"`, 1)
		if got := e.advise(body); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "request.namespace: ") {
			t.Errorf("%s: status %d: %s", namespace, got.Code, got.Body)
		}
	}
}

func TestAdviceNamesThePlaceInTheWorkload(t *testing.T) {
	const request, port = "sidecar-injector.dev/inject", "check.sidecar-injector.dev/port"
	inTemplate := func(pairs ...string) string { return createDeployment(deployment("", annotated(pairs...))) }
	cronJob := `{"kind":"CronJob","metadata":{"name":"report"},"spec":{"jobTemplate":{"metadata":{"annotations":{"sidecar-injector.dev/inject":"tail"}},` +
		`"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"app","image":"app"}]}}}}}}`
	cases := map[string]struct {
		body string
		want []string
	}{
		"a workload that asks for nothing gets none": {createDeployment(deployment("", "")), nil},
		"one that gets what it asks for gets none":   {inTemplate(request, "tail"), nil},
		"the annotation on the workload": {createDeployment(deployment(annotated(request, "tail"), "")), []string{
			`"sidecar-injector.dev/inject" stands in metadata.annotations of the Deployment itself, where nobody reads it; it belongs in spec.template.metadata.annotations`,
		}},
		"the label on the workload": {createDeployment(deployment(`,"labels":{"sidecar-injector.dev/injection":"disabled"}`, annotated(request, "tail"))), []string{
			`"sidecar-injector.dev/injection" stands in metadata.labels of the Deployment itself, where nobody reads it; it belongs in spec.template.metadata.labels`,
		}},
		"the annotation on a job template": {workloadReview("batch", "cronjobs", "CronJob", cronJob, ""), []string{
			`"sidecar-injector.dev/inject" stands in spec.jobTemplate.metadata.annotations of the job template, where nobody reads it; it belongs in spec.jobTemplate.spec.template.metadata.annotations`,
		}},
		"an unknown template": {inTemplate(request, "tial"), []string{
			`spec.template.metadata.annotations["sidecar-injector.dev/inject"]: template "tial" does not exist (did you mean tail?); its pods will be refused`,
		}},
		"a bad parameter": {inTemplate(request, "check=typed", port, "http"), []string{
			`spec.template.metadata.annotations["check.sidecar-injector.dev/port"]: parameter "port": want a port from 1 to 65535, got "http"; its pods will be refused`,
		}},
		"a parameter of nobody": {inTemplate(request, "tail", port, "80"), []string{
			`spec.template.metadata.annotations["check.sidecar-injector.dev/port"] is ignored: no instance "check" is asked for`,
		}},
		"a label value that means nothing": {createDeployment(strings.Replace(deployment("", ""), `"app":"web"`, `"sidecar-injector.dev/injection":"on"`, 1)), []string{
			`the pod has the label sidecar-injector.dev/injection: "on", which is neither enabled nor disabled: nothing is injected; write sidecar-injector.dev/injection: enabled`,
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, withTemplates(tail+typed))
			if diff := cmp.Diff(c.want, e.warnings(c.body)); diff != "" {
				t.Error(diff)
			}
			result := "warned"
			if c.want == nil {
				result = "none"
			}
			if got := e.count("sidecar_injector_advice_total", "result", result); got != 1 {
				t.Errorf("counted %v times as %s", got, result)
			}
		})
	}
}

const typed = `
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: typed}
spec:
  parameters: [{name: port, type: port, required: true}]
  pod: {spec: {containers: [{name: "typed-${instance}", image: "example.com/typed:1", resources: {requests: {cpu: 1m, memory: 1Mi}}, env: [{name: PORT, value: "${params.port}"}]}]}}
`

func TestAdviceIsNotRepeatedWhenNothingThatCountsHasChanged(t *testing.T) {
	wrong := deployment("", annotated("sidecar-injector.dev/inject", "tial"))
	update := func(object, old string) string {
		return workloadReview("apps", "deployments", "Deployment", object, old)
	}
	e := newEdge(t, withTemplates(tail))
	for what, object := range map[string]string{
		"scaled": strings.Replace(wrong, `"replicas":1`, `"replicas":5`, 1),
		"with a revision of the controller's, and a status": strings.Replace(wrong, `"name":"web"`,
			`"name":"web","annotations":{"deployment.kubernetes.io/revision":"2"},"managedFields":[{}]`, 1),
		"made by a controller": strings.Replace(wrong, `"name":"web"`, `"name":"web","ownerReferences":[{"controller":true}]`, 1),
	} {
		if got := e.warnings(update(object, wrong)); got != nil {
			t.Errorf("%s: %q", what, got)
		}
	}
	for what, object := range map[string]string{
		"another image":             strings.Replace(wrong, `"image":"app"`, `"image":"app:2"`, 1),
		"a request on the workload": strings.Replace(wrong, `"name":"web"`, `"name":"web","annotations":{"sidecar-injector.dev/inject":"tail"}`, 1),
		"another request":           wrong,
	} {
		old := wrong
		if object == wrong {
			old = strings.Replace(wrong, "tial", "tail", 1)
		}
		if got := e.warnings(update(object, old)); len(got) == 0 {
			t.Errorf("%s: no warning", what)
		}
	}
}

func TestAdviceIsNeverInTheWay(t *testing.T) {
	asks := createDeployment(deployment("", annotated("sidecar-injector.dev/inject", "tial")))
	for name, change := range map[string]func(*webhook.Options){
		"templates that are not loaded": func(o *webhook.Options) { o.Templates = library{templates.NewSet(nil), false} },
		"a namespace that cannot be read": func(o *webhook.Options) {
			o.Namespaces = failingNamespaces{errors.New("connection refused")}
		},
		"an error": func(o *webhook.Options) {
			o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
				return nil, errors.New("no")
			}
		},
		"a panic": func(o *webhook.Options) {
			o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) { panic("no") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, change)
			if got := e.warnings(asks); got != nil {
				t.Errorf("%q", got)
			}
			if got := e.count("sidecar_injector_advice_total", "result", "failed"); got != 1 {
				t.Errorf("counted %v times", got)
			}
			if len(e.errors()) != 1 {
				t.Errorf("logged: %v", e.errors())
			}
		})
	}
}

func TestAdviceOnWhatIsNoWorkloadIsNone(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Inject = neverAsked(t) })
	wrong := deployment("", annotated("sidecar-injector.dev/inject", "tial"))
	for _, body := range []string{
		workloadReview("", "pods", "Pod", wrong, ""),
		workloadReview("apps", "replicasets", "ReplicaSet", wrong, ""),
		strings.Replace(createDeployment(wrong), `"CREATE"`, `"DELETE"`, 1),
		strings.Replace(createDeployment(wrong), `"name":"web"`, `"subResource":"scale","name":"web"`, 1),
		createDeployment("null"),
		createDeployment(`{"spec":{"template":null}}`),
	} {
		if got := e.warnings(body); got != nil {
			t.Errorf("%s: %q", body, got)
		}
	}
}

func TestAdviceTellsTheCallerWhatHeGotWrong(t *testing.T) {
	e := newEdge(t, nil)
	for _, body := range []string{"", "{", "null", `{"kind":"AdmissionReview"}`, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}`} {
		if got := e.advise(body); got.Code != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, got.Code)
		}
	}
	if errs := e.errors(); len(errs) > 0 {
		t.Errorf("logged as errors: %v", errs)
	}
}

func TestAdviceOnHostileTextIsPrintableAndBounded(t *testing.T) {
	hostile := "x\u001b[31m\r\nWarning: " + strings.Repeat("ü\u202e", 300)
	pairs := []string{"sidecar-injector.dev/inject", hostile}
	for i := range 200 {
		pairs = append(pairs, fmt.Sprintf("%d%s.sidecar-injector.dev/p", i, hostile), hostile)
	}
	body := createDeployment(deployment(annotated(pairs...), annotated(pairs...)))
	e := newEdge(t, withTemplates(tail))
	got := e.warnings(body)
	if len(got) == 0 || len(got) > 13 {
		t.Errorf("%d warnings", len(got))
	}
	for _, w := range got {
		if len(w) > 256 || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", w)
		}
	}
}

func pairsOf(pairs []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}
