package offline

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Answer is the decision about one pod or pod template of the input.
type Answer struct {
	Pod       manifest.Pod
	Name      string // of the workload; generateName if it has no other
	Namespace inject.Namespace
	// Assumed says that nobody gave the namespace: it counts as enabled.
	Assumed bool
	// Live says that the workload was read from a cluster: then no line is a place.
	Live      bool
	Result    *inject.Result
	Misplaced []Misplaced
	// Doubts say by instance why a refusal may be wrong: it is due to templates that the injector
	// may have and whoever asks cannot read.
	Doubts map[string]string
}

// Answers decides about every pod of the input, in its order. The error holds every
// document that is no pod after all.
func (in *Input) Answers() ([]Answer, error) {
	all := make([]Answer, 0, len(in.Pods))
	var faults []error
	for i, pod := range in.Pods {
		in.progress("deciding about pods", i, len(in.Pods))
		a, err := in.answer(pod)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, a)
	}
	return all, errors.Join(faults...)
}

func (in *Input) answer(pod manifest.Pod) (Answer, error) {
	namespace, given := in.namespace(pod.Namespace)
	a := Answer{Pod: pod, Name: Name(pod), Namespace: namespace, Assumed: !given, Live: in.Live, Misplaced: FindMisplaced(pod)}
	result, err := inject.Inject(in.Set, in.Settings, in.request(&a))
	if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
		fault := &manifest.Error{File: pod.Document.File, Line: pod.Line}
		place, message := malformed.At()
		if place != "" {
			fault.Line, fault.Column = a.Locate(place)
			message = place + ": " + message
		}
		fault.Message = a.Title() + ": " + message
		return a, fault
	} else if err != nil {
		return a, fmt.Errorf("%s: %s: %w", a.Place(""), a.Title(), err)
	}
	a.Result = result
	if in.Doubt != nil && !result.Allowed() {
		a.Doubts = doubts(result, func(template string) string { return in.Doubt(namespace.Name, template) })
	}
	return a, nil
}

func (in *Input) request(a *Answer) *inject.Request {
	return &inject.Request{
		Pod: a.Pod.JSON, Namespace: a.Namespace, Owner: inject.OwnerOf(a.Pod.APIVersion, a.Pod.Kind, a.Pod.Name),
		ClaimVolumes: a.Pod.ClaimVolumes(), Offline: true, Permissions: true, Evaluations: in.Evaluations,
	}
}

// First is the answer with the first so many of the instances that are injected, and no others.
func (in *Input) First(a *Answer, instances int) (*Answer, error) {
	request := in.request(a)
	request.Evaluations, request.First = false, instances
	result, err := inject.Inject(in.Set, in.Settings, request)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", a.Place(""), a.Title(), err)
	}
	first := *a
	first.Result = result
	return &first, nil
}

// doubts finds out whether a pod is refused only for templates of which nobody knows whether the
// injector has them, and says why by instance; nil if it is refused for something else too.
func doubts(r *inject.Result, doubt func(template string) string) map[string]string {
	all := map[string]string{}
	for _, f := range r.Faults {
		if f.Ignored {
			continue
		}
		if f.Index < 0 || f.Reason != inject.UnknownTemplate && f.Reason != inject.TemplateInvalid {
			return nil
		}
		in := &r.Instances[f.Index]
		why := doubt(in.TemplateName)
		if why == "" {
			return nil
		}
		all[in.Name] = why
	}
	return all
}

// Unknown is the error of answers that nobody can give, nil without any.
func Unknown(answers []Answer) error {
	var faults []error
	for i := range answers {
		for _, name := range slices.Sorted(maps.Keys(answers[i].Doubts)) {
			faults = append(faults, fmt.Errorf("%s: what the injector would do is unknown: %s", answers[i].Title(), answers[i].Doubts[name]))
		}
	}
	return errors.Join(faults...)
}

// listItem finds an index in a field.
var listItem = regexp.MustCompile(`\.[0-9]+\.`)

// Title names the workload in messages: Deployment "grafana".
func (a *Answer) Title() string {
	if a.Name == "" {
		return a.Pod.Kind + " without a name"
	}
	title := a.Pod.Kind + " " + message.Quote(a.Name)
	if field := TemplateField(a.Pod); listItem.MatchString(field) { // one of several
		title += " (" + field + ")"
	}
	return title
}

// Place is file:line of something in the workload that a message calls by where; of
// the workload itself if that is not in its text.
func (a *Answer) Place(where string) string {
	line, column := locate(a.Pod, where)
	return a.at(line, column)
}

// Locate is line and column of something in the workload that a message calls by where; of the
// workload itself, without a column, if that is not in its text.
func (a *Answer) Locate(where string) (line, column int) { return locate(a.Pod, where) }

// at is a place in the workload's text; a workload of a cluster has no text that
// anybody knows, so that its name has to do.
func (a *Answer) at(line, column int) string {
	if a.Live {
		return a.Pod.Document.File
	}
	if column == 0 {
		return fmt.Sprintf("%s:%d", a.Pod.Document.File, line)
	}
	return fmt.Sprintf("%s:%d:%d", a.Pod.Document.File, line, column)
}

// Refusal is a fault for which a pod is not admitted.
type Refusal struct {
	Err  error
	Hint string
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// Advice is what its author may do about it.
func (r *Refusal) Advice() string { return r.Hint }

// Refusals are the faults of the pods that would not be admitted, with their places.
func Refusals(answers []Answer) []error {
	var faults []error
	for i := range answers {
		a := &answers[i]
		if a.Result.Allowed() || len(a.Doubts) > 0 {
			continue
		}
		for _, f := range a.Result.Faults {
			if !f.Ignored {
				message := fmt.Errorf("%s: %s: %s: %s", a.Place(f.Place), a.Title(), f.Place, f.Message)
				faults = append(faults, &Refusal{Err: message, Hint: f.Fix})
			}
		}
	}
	return faults
}

// Name is a workload's name, or what its name is generated from, "" if it has neither.
func Name(pod manifest.Pod) string {
	if pod.Name != "" {
		return pod.Name
	}
	if n := manifest.At(workload(pod), "/metadata/generateName"); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// OriginText is where a template is from: its source, or file:line in a directory.
func OriginText(t *templates.Template) string {
	if t.Origin.Source == templates.SourceDirectory {
		return fmt.Sprintf("%s:%d", t.Origin.File, t.Origin.Line)
	}
	return t.Origin.Source
}
