package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// tenant is the namespace of all pods here.
const tenant = "tenant"

// library serves a constant set of templates.
type library struct{ set *templates.Set }

func (l library) Current() *templates.Set { return l.set }
func (l library) Ready() bool             { return true }

// builtinEntries are the built-in templates, loaded and compiled once.
var builtinEntries = sync.OnceValue(func() []templates.Entry {
	entries, err := source.NewBuiltIn().Compiled() // as in the injector, and not in the first round
	if err != nil {
		panic(err) // the files are embedded in the program
	}
	return entries
})

// setOf returns the set of the built-in templates and those of a text; good says that none of the latter has
// errors.
func setOf(text []byte) (set *templates.Set, good bool) {
	entries := load.Load(templates.SourceDirectory, "costs.yaml", text)
	good = !slices.ContainsFunc(entries, templates.Entry.Broken)
	return templates.NewSet(slices.Concat(builtinEntries(), entries)), good
}

// optionsOf returns the options of a handler with a set of templates.
func optionsOf(set *templates.Set) webhook.Options {
	return webhook.Options{
		Templates: library{set}, Namespaces: webhook.NewStandaloneNamespaces(nil), Inject: inject.Inject, Settings: &inject.Settings{},
		Metrics: webhook.NewMetrics(prometheus.NewRegistry()), Log: logr.Discard(),
	}
}

// reviewOf returns the admission review for the creation of a pod.
func reviewOf(pod any) []byte {
	return encode(object{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": object{
			"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "namespace": tenant,
			"kind":     object{"group": "", "version": "v1", "kind": "Pod"},
			"resource": object{"group": "", "version": "v1", "resource": "pods"},
			"object":   pod,
		},
	})
}

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // rows contain only values that JSON can represent
	}
	return data
}

// post sends one review to a handler.
func post(handler http.Handler, path string, body []byte) (outcome, error) {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return func() string { return answered(recorder) }, nil
}

// answered returns the outcome of a response.
func answered(recorder *httptest.ResponseRecorder) string {
	if recorder.Code != http.StatusOK {
		return fmt.Sprintf("HTTP %d", recorder.Code)
	}
	var answer struct {
		Response struct {
			Allowed  bool
			Patch    []byte
			Warnings []string
			Status   struct {
				Details struct{ Causes []struct{ Reason string } }
			}
		}
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		return err.Error()
	}
	switch causes := answer.Response.Status.Details.Causes; {
	case len(causes) > 0:
		return causes[0].Reason
	case !answer.Response.Allowed:
		return "refused"
	case len(answer.Response.Patch) > 0:
		return "injected"
	case len(answer.Response.Warnings) > 0:
		return "warned"
	}
	return "allowed"
}

// podJob returns the job for a pod with the built-in templates only.
func podJob(pod any) job { return underTemplate(nil, pod) }

// underTemplate returns the job for a pod with a template. The size is that of both together: either can be
// what grows.
func underTemplate(template []byte, pod any) job { return reviewJob(template, reviewOf(pod)) }

func reviewJob(template, body []byte) job {
	set, good := setOf(template)
	handler := webhook.NewHandler(optionsOf(set))
	return job{bytes: len(body) + len(template), request: template == nil, refused: !good, do: func() (outcome, error) { return post(handler, webhook.Path, body) }}
}

// asking returns a pod with a request, more annotations and a spec.
func asking(request string, more object, spec object) object {
	annotations := object{inject.RequestAnnotation: request}
	maps.Copy(annotations, more)
	if spec["containers"] == nil {
		spec["containers"] = []any{app(0)}
	}
	return object{"metadata": object{"generateName": "x-", "namespace": tenant, "annotations": annotations}, "spec": spec}
}

func app(i int) object { return object{"name": fmt.Sprintf("app-%d", i), "image": "app"} }

// apps returns n containers of the pod's author.
func apps(n int) []any { return times(n, func(i int) any { return app(i) }) }

// with adds fields to a container and returns it.
func with(container object, more object) object {
	maps.Copy(container, more)
	return container
}
