package playground

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/diff"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Engine answers Requests. It is safe for concurrent use.
type Engine struct {
	loader *load.Loader

	mutex    sync.Mutex
	given    []templates.Entry
	settings *inject.Settings
	// text is the text that edited was loaded from. It is kept so that templates are not compiled again
	// while only the pod is edited.
	text   string
	edited []templates.Entry
	set    *templates.Set
}

// NewEngine returns an Engine with the templates of a set.
func NewEngine(given *templates.Set, settings *inject.Settings) *Engine {
	return &Engine{loader: load.NewLoader(), given: given.Entries(), settings: settings, set: given}
}

// Use replaces the templates and settings.
func (e *Engine) Use(given *templates.Set, settings *inject.Settings) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.given, e.settings = given.Entries(), settings
	e.set = templates.NewSet(append(e.others(), e.edited...))
}

// BuiltIn returns the built-in templates, which their own tests check.
func BuiltIn() (*templates.Set, error) {
	files, err := fs.ReadDir(builtin.FS, ".")
	if err != nil {
		return nil, fmt.Errorf("built-in templates: %w", err)
	}
	loader := load.NewLoader().Trust()
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

// AnswerJSON is Answer for a JSON request. The result is always a JSON Answer.
func (e *Engine) AnswerJSON(ctx context.Context, request []byte) []byte {
	var r Request
	answer := &Answer{}
	if err := json.Unmarshal(request, &r); err != nil {
		answer.Error = "the request is no JSON of the page's: " + err.Error()
	} else {
		answer = e.Answer(ctx, &r)
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	return out
}

// Answer computes the result of a request. It stops, between two templates, pods, Steps and documents, once ctx
// has ended.
func (e *Engine) Answer(ctx context.Context, r *Request) *Answer {
	for _, text := range []struct{ name, text string }{{"pod", r.Pod}, {"namespace", r.Namespace}, {"templates", r.Templates}} {
		if len(text.text) > MaxText {
			return &Answer{Error: fmt.Sprintf("The text of the %s has %d bytes, more than %d, which is more than the API server takes: shorten it.", text.name, len(text.text), MaxText)}
		}
	}
	answer := &Answer{Limits: Limits{templates.ExpressionLimit, templates.RenderingLimit}}
	room := &room{ctx: ctx, left: maxAnswer}
	set, settings, err := e.load(r.Templates, answer, room)
	if err != nil {
		return &Answer{Error: err.Error()}
	}
	in := &offline.Input{Set: set, Settings: settings, Fallback: "default", Evaluations: true}
	answer.readNamespaces(r.Namespace, in)
	stream, err := manifest.Parse(PodFile, []byte(r.Pod))
	if err != nil {
		answer.addError(PodFile, err)
		return answer
	}
	in.Streams = []*manifest.Stream{stream}
	if err := in.Collect(); err != nil {
		answer.addError(PodFile, err)
		return answer
	}
	if len(in.Pods) > maxPods {
		return &Answer{Error: fmt.Sprintf("The text has %d pods and workloads, more than %d: shorten it.", len(in.Pods), maxPods)}
	}
	in.Stop = func() error { return room.take(0) }
	answers, err := in.Answers()
	if full := (*fullError)(nil); errors.As(err, &full) {
		return &Answer{Error: full.Error()}
	}
	if err != nil {
		answer.addError(PodFile, err)
		return answer
	}
	if err := answer.addPods(in, answers, r.Steps, room); err != nil {
		return &Answer{Error: err.Error()}
	}
	return answer
}

// addPods adds the results for the pods, with their faults and the diff. The error says that there is no room
// for all of them.
func (a *Answer) addPods(in *offline.Input, answers []offline.Answer, withSteps bool, room *room) error {
	for i := range answers {
		of := &answers[i]
		pod, err := newPod(of)
		if err == nil && withSteps {
			pod.Steps, err = steps(in, of, room)
		}
		if err == nil {
			err = room.takePod(pod)
		}
		if full := (*fullError)(nil); errors.As(err, &full) {
			return full
		}
		if err != nil {
			a.addError(PodFile, err)
			continue
		}
		a.Pods = append(a.Pods, *pod)
		a.addFaults(of)
	}
	return a.addDiff(in, answers, room)
}

// load returns the set with the edited templates, and adds their findings to answer. The error says that there
// is no time for all of them.
func (e *Engine) load(text string, answer *Answer, room *room) (*templates.Set, *inject.Settings, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if text != e.text {
		var edited []templates.Entry
		for entry := range e.loader.Entries(templates.SourceDirectory, TemplatesFile, []byte(text)) {
			if err := room.take(0); err != nil {
				return nil, nil, err
			}
			edited = append(edited, entry)
		}
		e.text, e.edited = text, edited
		e.set = templates.NewSet(append(e.others(), e.edited...))
	}
	for _, entry := range e.set.Entries() {
		for _, f := range entry.Findings {
			if f.File == TemplatesFile {
				answer.add(Finding{File: f.File, Line: f.Line, Column: f.Column, Severity: string(f.Severity), Reason: string(f.Reason), Message: f.Message, Hint: f.Hint})
			}
		}
	}
	return e.set, e.settings, room.take(0)
}

// others returns the given templates that no edited template of the same kind and name replaces.
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

// readNamespaces reads the Namespaces of the request. The first one is the namespace of pods that name none.
func (a *Answer) readNamespaces(text string, in *offline.Input) {
	stream, err := manifest.Parse(NamespaceFile, []byte(text))
	if err != nil {
		a.addError(NamespaceFile, err)
		return
	}
	found, err := stream.Namespaces()
	if err != nil {
		a.addError(NamespaceFile, err)
		return
	}
	if len(found) > 0 {
		in.Fallback = found[0].Name
		in.Read(found...)
	}
}

// newPod returns the result for one pod.
func newPod(a *offline.Answer) (*Pod, error) {
	explanation, err := explain.New(a)
	if err != nil {
		return nil, err
	}
	p := &Pod{Title: a.Title(), Verdict: explanation.Verdict(), Outcome: a.Result.Outcome, Reason: a.Result.Reason, Explanation: explanation, Values: valuesOf(a.Result)}
	if len(a.Result.Operations) > 0 {
		patch, err := a.Patch()
		if err != nil {
			return nil, err
		}
		p.Patch = string(patch)
	}
	return p, nil
}

// steps returns the pod before injection, and after each of the injected instances in the order of the
// plan, as far as there is room.
func steps(in *offline.Input, a *offline.Answer, room *room) ([]Step, error) {
	before, err := manifest.YAML(a.Pod.Written())
	if err != nil {
		return nil, err
	}
	if err := room.take(len(before)); err != nil {
		return nil, err
	}
	all := []Step{{YAML: string(before)}}
	if len(a.Result.Operations) == 0 {
		return all, nil
	}
	var injected []*inject.Instance
	for i := range a.Result.Instances {
		if instance := &a.Result.Instances[i]; instance.Outcome == inject.Injected {
			injected = append(injected, instance)
		}
	}
	slices.SortStableFunc(injected, func(a, b *inject.Instance) int { return cmp.Compare(a.Template.Spec.Order, b.Template.Spec.Order) })
	for i, instance := range injected {
		step, err := in.First(a, i+1)
		if err != nil {
			return nil, err
		}
		after, err := step.PodYAML()
		if err != nil {
			return nil, err
		}
		if err := room.take(len(after)); err != nil {
			return nil, err
		}
		all = append(all, Step{Instance: instance.Name, YAML: string(after)})
	}
	return all, nil
}

func valuesOf(r *inject.Result) []Values {
	var all []Values
	for i := range r.Instances {
		in := &r.Instances[i]
		if in.Variables == nil {
			continue
		}
		v := Values{Instance: in.Name, Template: in.TemplateName}
		for _, variable := range in.Variables {
			v.Variables = append(v.Variables, Variable{variable.Name, variable.Value, variable.Message})
		}
		for _, e := range in.Evaluations {
			v.Expressions = append(v.Expressions, Expression{Path: e.Path, Line: e.Line, Column: e.Column, Source: e.Source, Value: e.Value, Cost: e.Cost, Message: e.Message})
			v.Cost += e.Cost
		}
		all = append(all, v)
	}
	return all
}

// addDiff adds the diff. The error says that there is no room for it.
func (a *Answer) addDiff(in *offline.Input, answers []offline.Answer, room *room) error {
	documents, err := in.Edit(answers)
	if err == nil {
		a.Diff, err = diff.Text(documents, in.Stop)
	}
	if full := (*fullError)(nil); errors.As(err, &full) {
		return full
	}
	if err != nil {
		a.addError(PodFile, err)
	}
	return room.take(len(a.Diff))
}

// addError adds an error, or each of several joined ones, as findings.
func (a *Answer) addError(file string, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			a.addError(file, err)
		}
		return
	}
	f := Finding{File: file, Severity: string(templates.SeverityError), Message: err.Error()}
	if at := (*manifest.Error)(nil); errors.As(err, &at) {
		f.Line, f.Column, f.Message, f.Hint = at.Line, at.Column, at.Message, at.Hint
	}
	a.add(f)
}
