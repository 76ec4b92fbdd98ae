package cases

import (
	"fmt"
	"path/filepath"

	"github.com/aymanbagabas/go-udiff"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// file returns the path of a file in the case's own folder.
func (c *Case) file(name string) string { return filepath.Join(c.Dir, name) }

// withoutStatus returns a pod without the status annotation, whose revision changes with every change of
// the template.
func withoutStatus(pod program.Object) program.Object {
	metadata := pod.Object("metadata")
	annotations := metadata.Object("annotations").Without(inject.StatusAnnotation)
	switch {
	case len(annotations) > 0:
		metadata = metadata.With("annotations", annotations)
	default:
		metadata = metadata.Without("annotations")
	}
	if len(metadata) == 0 {
		return pod.Without("metadata")
	}
	return pod.With("metadata", metadata)
}

// diffContext is the number of unchanged lines shown around a change.
const diffContext = 3

// wanted returns the pod of want.yaml.
func (c *Case) wanted() (program.Object, error) {
	name := c.file(WantFile)
	stream, err := manifest.Parse(name, c.want)
	if err != nil {
		return nil, err
	}
	pods, err := stream.Pods()
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 {
		return nil, faulty("--update writes what comes out", "%s: holds %d pods, want 1", name, len(pods))
	}
	pod, err := program.ObjectFromJSON(pods[0].JSON)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return pod, nil
}

// whole compares the pod with want.yaml.
func (r *Result) whole(after program.Object) error {
	name := r.Case.file(WantFile)
	wanted, err := r.Case.wanted()
	if err != nil && r.Case.unwanted {
		r.fail(name, 0, err.Error()) // the file is about to be rewritten
		return nil
	}
	if err != nil {
		return err
	}
	got, want := withoutStatus(after), withoutStatus(wanted)
	if equal(want, got) {
		return nil
	}
	before, err := manifest.YAML(ordered(want, got).(program.Object).AppendJSON(nil))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	now, err := manifest.YAML(got.AppendJSON(nil))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	diff, err := udiff.ToUnified(filepath.ToSlash(name), "what comes out", string(before), udiff.Lines(string(before), string(now)), diffContext)
	if err != nil {
		return fmt.Errorf("%s: diff: %w", name, err)
	}
	r.Failures = append(r.Failures, Failure{File: name, Message: "want this pod (-), got another (+)", Diff: diff})
	return nil
}

// ordered returns a value with its members in the order of another's, so that a diff does not show
// differences in order.
func ordered(value, like any) any {
	switch v := value.(type) {
	case program.Object:
		model, _ := like.(program.Object)
		out := make(program.Object, 0, len(v))
		for _, m := range model {
			if own, ok := v.Get(m.Name); ok {
				out = append(out, program.Member{Name: m.Name, Value: ordered(own, m.Value)})
			}
		}
		for _, m := range v {
			if _, ok := model.Get(m.Name); !ok {
				out = append(out, m)
			}
		}
		return out
	case []any:
		model, _ := like.([]any)
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
			if i < len(model) {
				out[i] = ordered(v[i], model[i])
			}
		}
		return out
	}
	return value
}
