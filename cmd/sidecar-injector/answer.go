package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// answer is the decision about one pod or pod template of the input.
type answer struct {
	pod       manifest.Pod
	name      string // of the workload; generateName if it has no other
	namespace inject.Namespace
	// assumed says that nobody gave the namespace: it counts as enabled.
	assumed bool
	// live says that the workload was read from a cluster: then no line is a place.
	live      bool
	result    *inject.Result
	misplaced []misplacedGroup
	// doubts are by instance why a refusal is none that anybody can be sure of.
	doubts map[string]string
}

// answers decides about every pod of the input, in its order. The error holds every
// document that is no pod after all.
func (o *offline) answers() ([]answer, error) {
	all := make([]answer, 0, len(o.pods))
	var faults []error
	for _, pod := range o.pods {
		namespace, given := o.namespace(pod.Namespace)
		a := answer{pod: pod, name: shownName(pod), namespace: namespace, assumed: !given, live: o.reader != nil, misplaced: findMisplaced(pod)}
		result, err := inject.Inject(o.set, o.settings, &inject.Request{
			Pod: pod.JSON, Namespace: namespace, Owner: inject.OwnerOf(pod.APIVersion, pod.Kind, pod.Name),
			ClaimVolumes: pod.ClaimVolumes(), Offline: true, Permissions: true,
		})
		if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
			err = &manifest.Error{File: pod.Document.File, Line: pod.Line, Message: fmt.Sprintf("%s: %v", a.title(), malformed.Err)}
		} else if err != nil {
			err = fmt.Errorf("%s: %s: %w", a.place(""), a.title(), err)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		a.result = result
		o.doubt(&a)
		all = append(all, a)
	}
	return all, errors.Join(faults...)
}

// doubt finds out whether a pod is only refused for templates that the injector may have
// and this command cannot read.
func (o *offline) doubt(a *answer) {
	if o.reader == nil || a.result.Allowed() {
		return
	}
	doubts := map[string]string{}
	for _, f := range a.result.Faults {
		if f.Ignored {
			continue
		}
		if f.Index < 0 || f.Reason != inject.UnknownTemplate && f.Reason != inject.TemplateInvalid {
			return
		}
		in := &a.result.Instances[f.Index]
		why, _ := o.reader.Doubt(o.set, a.namespace.Name, in.TemplateName)
		if why == "" {
			return
		}
		doubts[in.Name] = why
	}
	a.doubts = doubts
}

// unknown is the error of an answer that nobody can give.
func unknown(answers []answer) error {
	var faults []error
	for i := range answers {
		for _, name := range slices.Sorted(maps.Keys(answers[i].doubts)) {
			faults = append(faults, fmt.Errorf("%s: what the injector would do is unknown: %s", answers[i].title(), answers[i].doubts[name]))
		}
	}
	return errors.Join(faults...)
}

// title names the workload in messages: Deployment "grafana".
func (a *answer) title() string {
	if a.name == "" {
		return a.pod.Kind + " without a name"
	}
	return a.pod.Kind + " " + templates.Quote(a.name)
}

// place is file:line of something in the workload that a message calls by where; of
// the workload itself if that is not in its text.
func (a *answer) place(where string) string {
	line, column := locate(a.pod, where)
	return a.at(line, column)
}

// at is a place in the workload's text; a workload of a cluster has no text that
// anybody knows, so that its name has to do.
func (a *answer) at(line, column int) string {
	if a.live {
		return a.pod.Document.File
	}
	if column == 0 {
		return fmt.Sprintf("%s:%d", a.pod.Document.File, line)
	}
	return fmt.Sprintf("%s:%d:%d", a.pod.Document.File, line, column)
}

// refusals are the faults of the pods that would not be admitted, with their places.
func refusals(answers []answer) []error {
	var faults []error
	for i := range answers {
		a := &answers[i]
		if a.result.Allowed() || len(a.doubts) > 0 {
			continue
		}
		for _, f := range a.result.Faults {
			if !f.Ignored {
				message := fmt.Errorf("%s: %s: %s: %s", a.place(f.Place), a.title(), f.Place, f.Message)
				faults = append(faults, &hinted{message, f.Fix})
			}
		}
	}
	return faults
}

func shownName(pod manifest.Pod) string {
	if pod.Name != "" {
		return pod.Name
	}
	if n := at(pod.Document.Root, outerPointer(pod)+"/metadata/generateName"); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}
