package golden_test

import (
	"fmt"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// functionDoor calls the engine itself, as the offline commands do.
func functionDoor(t *testing.T, c *goldenCase) answer {
	t.Helper()
	stream, pods, err := parse(c.inputName, c.input)
	if err != nil {
		return answer{refusals: []string{err.Error()}}
	}
	got := answer{decisions: []string{}}
	edits := map[*manifest.Document][]edit.Operation{}
	for _, pod := range pods {
		result, err := inject.Inject(c.set(false), c.config.Settings(), &pod.request)
		if err != nil {
			got.refusals = append(got.refusals, err.Error())
			continue
		}
		if !result.Allowed() {
			got.refusals = append(got.refusals, result.Message())
		}
		got.decisions = append(got.decisions, decisions(pod, result)...)
		for _, op := range result.Operations {
			edits[pod.Document] = append(edits[pod.Document], edit.Operation{Path: pod.Pointer + op.Path, Value: op.Value})
		}
	}
	if len(got.refusals) > 0 {
		return got
	}
	got.manifest = edited(t, stream, edits)
	return got
}

// edited returns the stream's text with the operations applied to its documents.
func edited(t *testing.T, stream *manifest.Stream, edits map[*manifest.Document][]edit.Operation) []byte {
	t.Helper()
	var out []byte
	for _, doc := range stream.Documents {
		text, err := edit.Apply(doc, edits[doc])
		if err != nil {
			t.Fatalf("edit: %v", err)
		}
		out = append(out, text...)
	}
	return out
}

// pod is a pod of the input with its injection request.
type pod struct {
	manifest.Pod
	request inject.Request
}

// parse returns the pods of a stream with their namespaces.
func parse(name string, data []byte) (*manifest.Stream, []pod, error) {
	stream, err := manifest.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	found, err := stream.Pods()
	if err != nil {
		return nil, nil, err
	}
	namespaces, err := stream.Namespaces()
	if err != nil {
		return nil, nil, err
	}
	pods := make([]pod, 0, len(found))
	for _, p := range found {
		pods = append(pods, pod{p, inject.Request{Pod: p.JSON, Namespace: namespaceOf(p, namespaces), Owner: inject.OwnerOf(p.APIVersion, p.Kind, p.Name)}})
	}
	return stream, pods, nil
}

// namespaceOf returns the pod's namespace from the input; one that is not in the input has the opt-in label.
func namespaceOf(p manifest.Pod, namespaces []manifest.Namespace) inject.Namespace {
	name := p.Namespace
	if name == "" {
		name = "default"
	}
	for _, ns := range namespaces {
		if ns.Name == name {
			return inject.Namespace{Name: name, Labels: ns.Labels, Annotations: ns.Annotations}
		}
	}
	return inject.Namespace{Name: name, Labels: map[string]string{inject.InjectionLabel: "enabled"}}
}

// decisions returns a result in the form of decisions.txt.
func decisions(p pod, r *inject.Result) []string {
	out := []string{fmt.Sprintf("%s %s: %s %s", p.Kind, p.Name, r.Outcome, r.Reason)}
	for i, in := range r.Instances {
		template := in.TemplateName
		if in.Template != nil {
			template = in.Template.Name + " of the " + originText(in.Template)
		}
		out = append(out, fmt.Sprintf("  %s (%s): %s %s", in.Name, template, in.Outcome, in.Reason))
		for _, trial := range r.Trials(i) {
			counts := "does not count"
			if trial.Counts {
				counts = "counts"
			}
			out = append(out, fmt.Sprintf("    canary %s %s: %s", trial.Template.Canary.Name, counts, trial.Why))
		}
		for _, note := range in.Notes {
			out = append(out, "    note: "+note)
		}
		if in.Outdated != "" {
			out = append(out, "    outdated: "+in.Outdated)
		}
	}
	for _, w := range r.Warnings {
		out = append(out, "  warning: "+w)
	}
	return out
}

func originText(t *templates.Template) string {
	if t.Origin.Source == templates.SourceDirectory {
		return "directory, " + t.Kind
	}
	return t.Origin.Source + "s"
}
