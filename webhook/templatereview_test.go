package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// Templates as the API server sends them.
const (
	goodSpec    = `{"pod":{"metadata":{"labels":{"a":"b"}}}}`
	brokenSpec  = `{"pod":{"metadata":{"labels":{"a":"b"}}},"failurPolicy":"Ignore","overrides":["imagee"]}`
	warningSpec = `{"pod":{"spec":{"initContainers":[{"name":"x","image":"y"}]}}}`
)

func clusterTemplate(metadata, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate","metadata":{"name":"extra"%s},"spec":%s,"status":{"revision":"x"}}`, metadata, spec)
}

// templateReview returns an AdmissionReview of a template; old is null for a creation.
func templateReview(operation, subResource, object, old string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":%q,`+
		`"kind":{"group":"sidecar-injector.dev","version":"v1alpha1","kind":"ClusterSidecarTemplate"},`+
		`"resource":{"group":"sidecar-injector.dev","version":"v1alpha1","resource":"clustersidecartemplates"},`+
		`"name":"","operation":%q,"subResource":%q,"object":%s,"oldObject":%s,"dryRun":false}}`, uid, operation, subResource, object, old)
}

func createTemplate(object string) string { return templateReview("CREATE", "", object, "null") }

// reviewTemplate posts a body to TemplatesPath and returns the response.
func (e *edge) reviewTemplate(body string) *httptest.ResponseRecorder {
	e.t.Helper()
	request := httptest.NewRequestWithContext(e.t.Context(), http.MethodPost, webhook.TemplatesPath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	webhook.NewTemplateReview(e.handler.Options).ServeHTTP(recorder, request)
	return recorder
}

// templateResponse returns the AdmissionResponse to a valid review.
func (e *edge) templateResponse(body string) *admissionv1.AdmissionResponse {
	e.t.Helper()
	recorder := e.reviewTemplate(body)
	if recorder.Code != http.StatusOK {
		e.t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	var got admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		e.t.Fatal(err)
	}
	if got.Response == nil || string(got.Response.UID) != uid {
		e.t.Fatalf("no response to %s: %s", uid, recorder.Body)
	}
	return got.Response
}

func TestAnswersToTemplates(t *testing.T) {
	cases := map[string]struct {
		body     string
		refused  bool
		warnings int
	}{
		"a good one is accepted":                      {createTemplate(clusterTemplate("", goodSpec)), false, 0},
		"a broken one is refused":                     {createTemplate(clusterTemplate("", brokenSpec)), true, 0},
		"one without spec is refused":                 {createTemplate(`{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate","metadata":{"name":"extra"}}`), true, 0},
		"a member beside the spec is refused":         {createTemplate(strings.Replace(clusterTemplate("", goodSpec), `"status"`, `"match":{},"status"`, 1)), true, 0},
		"warnings let it through":                     {createTemplate(clusterTemplate("", warningSpec)), false, 1},
		"an update that breaks it is refused":         {templateReview("UPDATE", "", clusterTemplate("", brokenSpec), clusterTemplate("", goodSpec)), true, 0},
		"an update that mends it is accepted":         {templateReview("UPDATE", "", clusterTemplate("", goodSpec), clusterTemplate("", brokenSpec)), false, 0},
		"an update that leaves it broken is refused":  {templateReview("UPDATE", "", clusterTemplate("", brokenSpec), clusterTemplate("", strings.Replace(brokenSpec, "failurPolicy", "failPolicy", 1))), true, 0},
		"a broken one can be annotated":               {templateReview("UPDATE", "", clusterTemplate(`,"annotations":{"a":"b"}`, brokenSpec), clusterTemplate("", brokenSpec)), false, 0},
		"a broken one can lose its finalizers":        {templateReview("UPDATE", "", clusterTemplate(`,"deletionTimestamp":"2026-11-23T10:00:00Z"`, brokenSpec), clusterTemplate(`,"finalizers":["a.b/c"]`, brokenSpec)), false, 0},
		"the status of a broken one can be written":   {templateReview("UPDATE", "status", clusterTemplate("", brokenSpec), clusterTemplate("", goodSpec)), false, 0},
		"a deletion is nobody's business":             {templateReview("DELETE", "", "null", clusterTemplate("", brokenSpec)), false, 0},
		"what is no template is nobody's business":    {strings.ReplaceAll(createTemplate(clusterTemplate("", brokenSpec)), "ClusterSidecarTemplate", "Other"), false, 0},
		"the same kind of another group neither":      {strings.Replace(createTemplate(clusterTemplate("", brokenSpec)), `"group":"sidecar-injector.dev"`, `"group":"example.com"`, 1), false, 0},
		"a template without old object is looked at":  {templateReview("UPDATE", "", clusterTemplate("", brokenSpec), "null"), true, 0},
		"names that a cluster allows may be too long": {createTemplate(strings.Replace(clusterTemplate("", goodSpec), "extra", strings.Repeat("x", 31), 1)), true, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := newEdge(t, nil).templateResponse(c.body)
			if got.Allowed == c.refused || len(got.Warnings) != c.warnings || got.Patch != nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestARefusedTemplateIsToldEveryFaultAndItsPlace(t *testing.T) {
	got := newEdge(t, nil).templateResponse(createTemplate(clusterTemplate("", brokenSpec))).Result
	want := &metav1.Status{
		Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity,
		Message: `spec.failurPolicy: field "failurPolicy" is unknown in templates/v1alpha1.SidecarTemplateSpec (did you mean failurePolicy?); ` +
			`spec.overrides[0]: a container has no field "imagee" (did you mean image?)`,
		Details: &metav1.StatusDetails{Group: "sidecar-injector.dev", Kind: "ClusterSidecarTemplate", Name: "extra", Causes: []metav1.StatusCause{
			{Type: "UnknownField", Field: "spec.failurPolicy", Message: `field "failurPolicy" is unknown in templates/v1alpha1.SidecarTemplateSpec (did you mean failurePolicy?)`},
			{Type: "UnknownOverride", Field: "spec.overrides[0]", Message: `a container has no field "imagee" (did you mean image?)`},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThousandsOfFaultsOfATemplateAreCut(t *testing.T) {
	for _, name := range []string{"x", strings.Repeat("x", 900)} {
		fields := make([]string, 2000)
		for i := range fields {
			fields[i] = fmt.Sprintf(`"%d%s":1`, i, name)
		}
		recorder := newEdge(t, nil).reviewTemplate(createTemplate(clusterTemplate("", `{`+strings.Join(fields, ",")+`}`)))
		if recorder.Code != http.StatusOK || recorder.Body.Len() > 32<<10 || !strings.Contains(recorder.Body.String(), " more") {
			t.Errorf("status %d, %d bytes", recorder.Code, recorder.Body.Len())
		}
	}
}

func TestWhatIsNoReviewOfATemplateIsTheCallersFault(t *testing.T) {
	e := newEdge(t, nil)
	for name, body := range map[string]string{
		"no JSON":              "{",
		"no review":            "{}",
		"an object that is 1":  createTemplate("1"),
		"metadata that is 1":   createTemplate(`{"metadata":1,"spec":{}}`),
		"no name":              createTemplate(`{"metadata":{},"spec":{}}`),
		"an old object of []":  templateReview("UPDATE", "", clusterTemplate("", goodSpec), "[]"),
		"a name that is a map": createTemplate(`{"metadata":{"name":{}},"spec":{}}`),
	} {
		if code := e.reviewTemplate(body).Code; code != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, code)
		}
	}
}

func TestTemplateReviewsAreCounted(t *testing.T) {
	e := newEdge(t, nil)
	e.templateResponse(createTemplate(clusterTemplate("", goodSpec)))
	e.templateResponse(createTemplate(clusterTemplate("", brokenSpec)))
	e.templateResponse(templateReview("UPDATE", "", clusterTemplate("", brokenSpec), clusterTemplate("", brokenSpec)))
	for _, result := range []string{"accepted", "refused", "unchanged"} {
		if got := e.count("sidecar_injector_template_reviews_total", "result", result); got != 1 {
			t.Errorf("%s: counted %v", result, got)
		}
	}
}
