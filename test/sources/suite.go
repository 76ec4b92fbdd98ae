// Package sources is the conformance suite of the sources of templates: the guarantees that every source
// gives.
package sources

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// Place is a source whose content a test can set.
type Place struct {
	Source source.Source
	// Set replaces the content of the source by these templates.
	Set func([]Template)
}

// Template is a small template. Its version is visible as its spec.order.
type Template struct {
	Name    string
	Version int
	// Broken gives it a field that does not exist.
	Broken bool
}

// Text returns the template as a YAML document.
func (t Template) Text() string {
	text := fmt.Sprintf(`---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: %s}
spec:
  order: %d
  pod:
    metadata:
      labels: {version: "%d"}
`, t.Name, t.Version, t.Version)
	if t.Broken {
		text += "  nonsense: true\n"
	}
	return text
}

// Describe returns a text that lists each template with the version in use and its state.
func Describe(entries []templates.Entry) string {
	list := []string{}
	for _, e := range entries {
		name := e.Name
		if name == "" {
			name = "?"
		}
		if e.Template != nil {
			name = fmt.Sprintf("%s@%d", name, e.Template.Spec.Order)
		}
		if e.Broken() {
			name += " broken"
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// step is a content of the source and the expected result.
type step struct {
	content []Template
	want    string
}

func good(name string, version int) Template { return Template{Name: name, Version: version} }
func bad(name string, version int) Template {
	return Template{Name: name, Version: version, Broken: true}
}

func promises() map[string][]step {
	return map[string][]step{
		"no templates are an answer": {
			{nil, ""},
		},
		"every template counts": {
			{[]Template{good("a", 1), good("b", 2), good("c", 3)}, "a@1, b@2, c@3"},
		},
		"a new version replaces the old one": {
			{[]Template{good("a", 1)}, "a@1"},
			{[]Template{good("a", 2)}, "a@2"},
		},
		"a template that turns broken keeps its last good version and takes nobody along": {
			{[]Template{good("a", 1), good("b", 1), good("c", 1)}, "a@1, b@1, c@1"},
			{[]Template{bad("a", 2), good("b", 2), good("c", 2)}, "a@1 broken, b@2, c@2"},
			{[]Template{bad("a", 3), good("b", 3), good("c", 2)}, "a@1 broken, b@3, c@2"},
			{[]Template{good("a", 4), good("b", 3), good("c", 2)}, "a@4, b@3, c@2"},
		},
		"a template that is broken from the start has no version": {
			{[]Template{bad("a", 1), good("b", 1)}, "a broken, b@1"},
			{[]Template{good("a", 2), good("b", 1)}, "a@2, b@1"},
		},
		"a template that is taken out is gone, broken or not": {
			{[]Template{good("a", 1), good("b", 1)}, "a@1, b@1"},
			{[]Template{bad("a", 2), good("b", 1)}, "a@1 broken, b@1"},
			{nil, ""},
			{[]Template{bad("a", 2)}, "a broken"},
		},
	}
}

// Test checks all guarantees. make returns a new source for each.
func Test(t *testing.T, make func(t *testing.T) Place) {
	for name, steps := range promises() {
		t.Run(name, func(t *testing.T) {
			p := make(t)
			for i, s := range steps {
				p.Set(s.content)
				entries := p.Await(t, s.want)
				// The merged set has the same entries: templates survive NewSet.
				if got := Describe(templates.NewSet(entries).Entries()); got != s.want {
					t.Errorf("step %d: the set has %s\nwant %s", i+1, got, s.want)
				}
			}
		})
	}
	t.Run("what does not change is not compiled again", func(t *testing.T) {
		p := make(t)
		p.Set([]Template{good("a", 1), good("b", 1)})
		before := inForce(p.Await(t, "a@1, b@1"))
		p.Set([]Template{good("a", 1), good("b", 2)})
		after := inForce(p.Await(t, "a@1, b@2"))
		if before["a"] != after["a"] {
			t.Error("a was compiled again though only b changed")
		}
		if before["b"] == after["b"] {
			t.Error("b was not compiled again")
		}
	})
}

// Await reads the source until it returns what is wanted, for at most ten seconds. A source that is notified
// of changes needs some time.
func (p Place) Await(t *testing.T, want string) []templates.Entry {
	t.Helper()
	const patience = 10 * time.Second
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		entries, err := p.Source.Read()
		if err == nil && entries == nil {
			err = errors.New("nothing has been read")
		}
		got := Describe(entries)
		switch {
		case err == nil && got == want:
			return entries
		case time.Since(begun) > patience:
			t.Fatalf("after %s: got  %s (error %v)\nwant %s", patience, got, err, want)
		}
	}
}

func inForce(entries []templates.Entry) map[string]*templates.Template {
	byName := map[string]*templates.Template{}
	for _, e := range entries {
		byName[e.Name] = e.Template
	}
	return byName
}
