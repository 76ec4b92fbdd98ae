package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// templateOf is a template document, laid out as people write it.
func templateOf(name string, spec object) []byte {
	text, err := yaml.Marshal(document(name, spec))
	if err != nil {
		panic(err) // rows are made of what YAML can hold
	}
	return text
}

func document(name string, spec object) object {
	return object{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ClusterSidecarTemplateKind,
		"metadata": object{"name": name}, "spec": spec,
	}
}

// sidecar is a container that a template adds.
func sidecar(i int, more object) object {
	return with(object{"name": fmt.Sprintf("sidecar-%d", i), "image": "sidecar:1",
		"resources": object{"requests": object{"cpu": "1m", "memory": "1Mi"}}}, more)
}

// adding is the spec of a template that adds one container, with more fields.
func adding(more object) object { return object{"pod": podWith(sidecar(0, more))} }

func podWith(containers ...any) object { return object{"spec": object{"containers": containers}} }

// manyVariables adds n variables to each container of the app.
func manyVariables(n int) []byte {
	return templateOf("many", object{"app": object{"containers": "all", "env": times(n, func(i int) any {
		return object{"name": fmt.Sprintf("T%d", i), "value": "x"}
	})}})
}

// overridable is a template with n variables that the pod's author may change.
func overridable(n int) []byte {
	spec := adding(object{"env": variables(n)})
	spec["overrides"] = []any{"env"}
	return templateOf("open", spec)
}

// listed has a parameter that takes a list of n known words.
func listed(n int) []byte {
	spec := adding(object{"args": "${params.items}"})
	spec["parameters"] = []any{object{"name": "items", "type": "list<string>", "default": []any{"e0"},
		"enum": append(texts(n, "e%d"), texts(n, "n%d")...)}}
	return templateOf("listed", spec)
}

// loadFile is the work of loading a file of templates and of making the set with them.
func loadFile(text []byte) job {
	return job{bytes: len(text), do: func() (outcome, error) {
		entries := load.Load(templates.SourceDirectory, "costs.yaml", text)
		templates.NewSet(entries)
		for _, e := range entries {
			if len(e.Findings) > 0 {
				return word(string(e.Findings[0].Reason)), nil
			}
		}
		return word("loaded"), nil
	}}
}

// loadSpec is loadFile for one template.
func loadSpec(spec object) job { return loadFile(templateOf("t", spec)) }

// loadResource is the work on one template as the API server gives it: on one line, without places.
func loadResource(spec object) job {
	content, err := load.ResourceContent(encode(document("t", spec)))
	if err != nil {
		panic(err) // it is an object
	}
	return job{bytes: len(content), do: func() (outcome, error) {
		entry := load.NewLoader().LoadResource(load.Resource{Kind: v1alpha1.ClusterSidecarTemplateKind, Name: "t", Content: content})
		if len(entry.Findings) > 0 {
			return word(string(entry.Findings[0].Reason)), nil
		}
		return word("loaded"), nil
	}}
}
