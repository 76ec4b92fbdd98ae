package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// templateOf returns a template document in block style.
func templateOf(name string, spec object) []byte {
	text, err := yaml.Marshal(document(name, spec))
	if err != nil {
		panic(err) // rows contain only values that YAML can represent
	}
	return text
}

func document(name string, spec object) object {
	return object{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ClusterSidecarTemplateKind,
		"metadata": object{"name": name}, "spec": spec,
	}
}

// sidecar returns a container for a template to add.
func sidecar(i int, more object) object {
	return with(object{"name": fmt.Sprintf("sidecar-%d", i), "image": "sidecar:1",
		"resources": object{"requests": object{"cpu": "1m", "memory": "1Mi"}}}, more)
}

// adding returns the spec of a template that adds one container with the given fields.
func adding(more object) object { return object{"pod": podWith(sidecar(0, more))} }

func podWith(containers ...any) object { return object{"spec": object{"containers": containers}} }

// manyVariables returns a template that adds n variables to each container of the app.
func manyVariables(n int) []byte {
	return templateOf("many", object{"app": object{"containers": "all", "env": times(n, func(i int) any {
		return object{"name": fmt.Sprintf("T%d", i), "value": "x"}
	})}})
}

// overridable returns a template with n variables that the pod's author may override.
func overridable(n int) []byte {
	spec := adding(object{"env": variables(n)})
	spec["overrides"] = []any{"env"}
	return templateOf("open", spec)
}

// listed returns a template with a parameter of type list and an enum of n words.
func listed(n int) []byte {
	spec := adding(object{"args": "${params.items}"})
	spec["parameters"] = []any{object{"name": "items", "type": "list<string>", "default": []any{"e0"},
		"enum": append(texts(n, "e%d"), texts(n, "n%d")...)}}
	return templateOf("listed", spec)
}

// loadFile returns the job of loading a file of templates and of making a set of them.
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

// loadSpec is loadFile for one template with the given spec.
func loadSpec(spec object) job { return loadFile(templateOf("t", spec)) }

// loadResource returns the job of loading one template as sent by the API server: on one line, without
// places.
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
