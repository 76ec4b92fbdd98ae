package playground

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/aymanbagabas/go-udiff"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Engine answers Requests. It may be used by many goroutines.
type Engine struct {
	loader *load.Loader
	given  []templates.Entry

	mutex sync.Mutex
	// text is the one that edited was loaded from: while the pod is edited, templates stay compiled.
	text   string
	edited []templates.Entry
	set    *templates.Set
}

// NewEngine gives one with the templates of a set.
func NewEngine(given *templates.Set) *Engine {
	return &Engine{loader: load.NewLoader(), given: given.Entries(), set: given}
}

// BuiltIn are the templates that come with the program.
func BuiltIn() (*templates.Set, error) {
	files, err := fs.ReadDir(builtin.FS, ".")
	if err != nil {
		return nil, fmt.Errorf("built-in templates: %w", err)
	}
	loader := load.NewLoader()
	var all []templates.Entry
	for _, file := range files {
		data, err := fs.ReadFile(builtin.FS, file.Name())
		if err != nil {
			return nil, fmt.Errorf("built-in templates: %w", err)
		}
		all = append(all, loader.Load(templates.SourceBuiltIn, file.Name(), data)...)
	}
	return templates.NewSet(all), nil
}

// AnswerJSON is Answer on JSON.
func (e *Engine) AnswerJSON(request []byte) []byte {
	var r Request
	answer := &Answer{}
	if err := json.Unmarshal(request, &r); err != nil {
		answer.Error = "the request is no JSON of the page's: " + err.Error()
	} else {
		answer = e.Answer(&r)
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	return out
}

// Answer says what becomes of the request's pods.
func (e *Engine) Answer(r *Request) *Answer {
	for _, text := range []struct{ name, text string }{{"pod", r.Pod}, {"namespace", r.Namespace}, {"templates", r.Templates}} {
		if len(text.text) > MaxText {
			return &Answer{Error: fmt.Sprintf("the text of the %s has %d bytes, more than %d, which is more than the API server takes: shorten it", text.name, len(text.text), MaxText)}
		}
	}
	answer := &Answer{}
	set := e.load(r.Templates, answer)
	namespaces := namespacesOf(r.Namespace, answer)
	stream, err := manifest.Parse(PodFile, []byte(r.Pod))
	if err != nil {
		answer.addError(PodFile, err)
		return answer
	}
	pods, err := stream.Pods()
	if err != nil {
		answer.addError(PodFile, err)
		return answer
	}
	operations := map[*manifest.Document][]manifest.Operation{}
	for _, pod := range pods {
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod.JSON, Namespace: namespaces, Offline: true})
		if err != nil {
			answer.addError(PodFile, err)
			continue
		}
		for _, op := range result.Operations {
			operations[pod.Document] = append(operations[pod.Document], manifest.Operation{Path: pod.Pointer + op.Path, Value: op.Value})
		}
		p := Pod{Title: pod.Kind + " " + pod.Name, Outcome: result.Outcome, Reason: result.Reason}
		if patch := result.Patch(); patch != nil {
			p.Patch = indented(patch)
		}
		answer.Pods = append(answer.Pods, p)
	}
	answer.diff(stream, operations)
	return answer
}

// load gives the set with the edited templates.
func (e *Engine) load(text string, answer *Answer) *templates.Set {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if text != e.text {
		e.text, e.edited = text, e.loader.Load(templates.SourceDirectory, TemplatesFile, []byte(text))
		e.set = templates.NewSet(append(e.others(), e.edited...))
	}
	for _, entry := range e.edited {
		for _, f := range entry.Findings {
			answer.Findings = append(answer.Findings, Finding{File: TemplatesFile, Line: f.Line, Column: f.Column,
				Severity: string(f.Severity), Reason: string(f.Reason), Message: f.Message, Hint: f.Hint})
		}
	}
	return e.set
}

// others are the given templates of which none of the same name and kind is edited.
func (e *Engine) others() []templates.Entry {
	type identity struct{ kind, namespace, name string }
	hidden := map[identity]bool{}
	for _, entry := range e.edited {
		hidden[identity{entry.Kind, entry.Namespace, entry.Name}] = true
	}
	return slices.DeleteFunc(slices.Clone(e.given), func(entry templates.Entry) bool {
		return hidden[identity{entry.Kind, entry.Namespace, entry.Name}]
	})
}

func namespacesOf(text string, answer *Answer) inject.Namespace {
	fallback := inject.Namespace{Name: "default", Labels: map[string]string{inject.InjectionLabel: "enabled"}}
	stream, err := manifest.Parse(NamespaceFile, []byte(text))
	if err != nil {
		answer.addError(NamespaceFile, err)
		return fallback
	}
	found, err := stream.Namespaces()
	if err != nil {
		answer.addError(NamespaceFile, err)
		return fallback
	}
	if len(found) == 0 {
		return fallback
	}
	return inject.Namespace{Name: found[0].Name, Labels: found[0].Labels, Annotations: found[0].Annotations}
}

func (a *Answer) addError(file string, err error) {
	f := Finding{File: file, Severity: string(templates.SeverityError), Message: err.Error()}
	if at := (*manifest.Error)(nil); errors.As(err, &at) {
		f.Line, f.Column, f.Message, f.Hint = at.Line, at.Column, at.Message, at.Hint
	}
	a.Findings = append(a.Findings, f)
}

func (a *Answer) diff(stream *manifest.Stream, operations map[*manifest.Document][]manifest.Operation) {
	var before, after []byte
	for _, document := range stream.Documents {
		before = append(before, document.Text...)
		text, err := document.Edit(operations[document])
		if err != nil {
			a.addError(PodFile, err)
			text = document.Text
		}
		after = append(after, text...)
	}
	a.Diff = udiff.Unified("a/"+PodFile, "b/"+PodFile, string(before), string(after))
}

func indented(text []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return string(text)
	}
	return out.String()
}
