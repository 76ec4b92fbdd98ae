package offline

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Answer is the decision about one pod or pod template of the input.
type Answer struct {
	Pod       manifest.Pod
	Name      string // name of the workload, or its generateName
	Namespace inject.Namespace
	// Assumed is true if the namespace was not given, so it counts as enabled.
	Assumed bool
	// Live is true if the workload was read from a cluster, so it has no lines in a file.
	Live      bool
	Result    *inject.Result
	Misplaced []Misplaced
	// Doubts say, by instance, why the decision may be wrong: something that decides about it cannot be
	// read. They are nil for a refusal that has another reason as well.
	Doubts map[string]string

	namespace *manifest.Namespace // the namespace's text; nil if unknown
	several   bool                // the workload has other pod templates
}

// Answers decides on every pod of the input, in its order. The error lists all documents that are malformed
// pods.
func (in *Input) Answers() ([]Answer, error) {
	all := make([]Answer, 0, len(in.Pods))
	var faults []error
	siblings := map[workloadKey]int{}
	for _, pod := range in.Pods {
		siblings[workloadKey{pod.Document, pod.Workload}]++
	}
	for i, pod := range in.Pods {
		if err := in.stop(); err != nil {
			return nil, err
		}
		in.progress("deciding about pods", i, len(in.Pods))
		a, err := in.answer(pod)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		a.several = siblings[workloadKey{pod.Document, pod.Workload}] > 1
		all = append(all, a)
	}
	return all, errors.Join(faults...)
}

// workloadKey identifies a workload by its document and its place in it.
type workloadKey struct {
	document *manifest.Document
	pointer  string
}

func (in *Input) answer(pod manifest.Pod) (Answer, error) {
	namespace, given := in.namespace(pod.Namespace)
	a := Answer{Pod: pod, Name: Name(pod), Namespace: namespace, Assumed: !given, Live: in.Live, Misplaced: FindMisplaced(pod)}
	if text, ok := in.texts[namespace.Name]; ok {
		a.namespace = &text
	}
	result, err := inject.Inject(in.Set, in.Settings, in.request(&a))
	if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
		fault := &manifest.Error{File: pod.Document.File, Line: pod.Line}
		place, message := malformed.At()
		if place != "" {
			_, fault.Line, fault.Column = a.Locate(place)
			message = place + ": " + message
		}
		fault.Message = a.Title() + ": " + message
		return a, fault
	} else if err != nil {
		return a, fmt.Errorf("%s: %s: %w", a.Place(""), a.Title(), err)
	}
	a.Result = result
	if in.Doubt != nil {
		a.Doubts = doubts(result, func(template string) (string, bool) { return in.Doubt(namespace.Name, template) })
	}
	return a, nil
}

func (in *Input) request(a *Answer) *inject.Request {
	return &inject.Request{
		Pod: a.Pod.JSON, Namespace: a.Namespace, Owner: inject.OwnerOf(a.Pod.APIVersion, a.Pod.Kind, a.Pod.Name),
		ClaimVolumes: a.Pod.ClaimVolumes(), Offline: true, Permissions: true, Evaluations: in.Evaluations,
	}
}

// First returns the answer if only the first so many of the injected instances are applied.
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

// doubts returns, by instance, why it is unknown whether the injector decides the same. It returns nil if
// the pod is refused for another reason as well.
func doubts(r *inject.Result, doubt func(template string) (why string, always bool)) map[string]string {
	all := map[string]string{}
	for i := range r.Instances {
		if why, always := doubt(r.Instances[i].TemplateName); always {
			all[r.Instances[i].Name] = why
		}
	}
	for _, f := range r.Faults {
		if f.Ignored {
			continue
		}
		if f.Index < 0 {
			return nil
		}
		in := &r.Instances[f.Index]
		why, always := doubt(in.TemplateName)
		if why == "" || !always && f.Reason != inject.UnknownTemplate && f.Reason != inject.TemplateInvalid {
			return nil
		}
		all[in.Name] = why
	}
	return all
}

// Unknown returns an error that lists the refusals with Doubts; nil if there are none.
func Unknown(answers []Answer) error {
	var faults []error
	for i := range answers {
		if answers[i].Result.Allowed() {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(answers[i].Doubts)) {
			faults = append(faults, fmt.Errorf("%s: what the injector would do is unknown: %s", answers[i].Title(), answers[i].Doubts[name]))
		}
	}
	return errors.Join(faults...)
}

// listItem matches an index in a field path.
var listItem = regexp.MustCompile(`\.[0-9]+\.`)

// Title returns the workload's name for messages, Deployment "grafana", with the field of the pod template
// if there may be several.
func (a *Answer) Title() string {
	if a.Name == "" {
		return a.Pod.Kind + " without a name"
	}
	title := a.Pod.Kind + " " + message.Quote(a.Name)
	if field := templateField(a.Pod); a.several || listItem.MatchString(field) {
		title += " (" + field + ")"
	}
	return title
}

// Place returns file:line of a field of the pod or its namespace, written as in messages, or of the workload
// if the field is not in its text.
func (a *Answer) Place(where string) string {
	file, line, column := a.Locate(where)
	if file == a.Pod.Document.File {
		return a.at(line, column)
	}
	return position(file, line, column)
}

// Locate returns file, line and column of a field of the pod or its namespace, written as in messages; the
// workload's line, and column 0, if the field is not in the text.
func (a *Answer) Locate(where string) (file string, line, column int) {
	if place, ok := strings.CutPrefix(where, "namespace "+message.Quote(a.Namespace.Name)+": "); ok && a.namespace != nil {
		n := a.namespace
		line, column = locate(manifest.At(n.Document.Root, n.Pointer), n.Line, place)
		return n.Document.File, line, column
	}
	line, column = locate(manifest.At(a.Pod.Document.Root, a.Pod.Pointer), a.Pod.Line, where)
	return a.Pod.Document.File, line, column
}

// LocateFault returns file, line and column of a fault as Locate does.
func (a *Answer) LocateFault(f *inject.Fault) (file string, line, column int) {
	return a.Locate(a.fieldOf(f))
}

// FaultPlace returns the place of a fault as Place does.
func (a *Answer) FaultPlace(f *inject.Fault) string { return a.Place(a.fieldOf(f)) }

// fieldOf returns the field of a fault, written as in messages. If the place of the fault is an instance or a
// template, that is the annotation that asks for the instance.
func (a *Answer) fieldOf(f *inject.Fault) string {
	if f.Index < 0 || !strings.HasPrefix(f.Place, "instance ") && !strings.HasPrefix(f.Place, "template ") {
		return f.Place
	}
	request := fmt.Sprintf("metadata.annotations[%q]", inject.RequestAnnotation)
	switch a.Result.Instances[f.Index].AskedBy {
	case inject.Annotation:
		return request
	case inject.NamespaceAnnotation:
		return "namespace " + message.Quote(a.Namespace.Name) + ": " + request
	}
	return f.Place
}

// at returns a position in the workload's text as file:line:column. For a workload of a cluster, which has
// no file, it returns its name.
func (a *Answer) at(line, column int) string {
	if a.Live {
		return a.Pod.Document.File
	}
	return position(a.Pod.Document.File, line, column)
}

func position(file string, line, column int) string {
	if column == 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

// Refusals returns the faults of refused pods, with their places and how to fix them.
func Refusals(answers []Answer) []error {
	var faults []error
	for i := range answers {
		a := &answers[i]
		if a.Result.Allowed() || len(a.Doubts) > 0 {
			continue
		}
		for k := range a.Result.Faults {
			if f := &a.Result.Faults[k]; !f.Ignored {
				text := fmt.Sprintf("%s: %s: %s: %s", a.FaultPlace(f), a.Title(), f.Place, f.Message)
				faults = append(faults, &manifest.Error{Message: text, Hint: f.Fix})
			}
		}
	}
	return faults
}

// Name returns a workload's name, or its generateName; "" if it has neither.
func Name(pod manifest.Pod) string {
	if pod.Name != "" {
		return pod.Name
	}
	if n := manifest.At(workload(pod), "/metadata/generateName"); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// OriginText returns where a template is from: its source, or file:line in a directory.
func OriginText(t *templates.Template) string {
	if t.Origin.Source == templates.SourceDirectory {
		return fmt.Sprintf("%s:%d", t.Origin.File, t.Origin.Line)
	}
	return t.Origin.Source
}
