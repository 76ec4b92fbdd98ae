package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// file is a file of the case's own folder.
func (c *Case) file(name string) string { return filepath.Join(c.Dir, name) }

// withoutStatus is a pod without the status annotation: it holds the template's revision, and would
// change with every change of the template.
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

// diffContext is how many lines around a change are shown.
const diffContext = 3

// wanted is the pod of want.yaml.
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
		r.fail(name, 0, err.Error()) // and is about to be written anew
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
	r.Failures = append(r.Failures, Failure{File: name, Message: "another pod is wanted", Diff: diff})
	return nil
}

// ordered gives a value its members in the order of another's, so that a diff shows what
// differs and not where it stands.
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

// Update makes what came out the case's want, and says whether that changed a file: want.yaml
// where there is one, or where the case wants nothing yet. A case that wants nothing and whose
// pod is refused gets the refusal as want in case.yaml.
func (r *Result) Update() (bool, error) {
	c := r.Case
	if c.want == nil && c.Spec.wants() {
		return false, nil
	}
	if r.After == nil {
		return true, c.wantRefusal(r.Answer)
	}
	after, err := program.ObjectFromJSON(r.After)
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.Dir, err)
	}
	text, err := manifest.YAML(withoutStatus(after).AppendJSON(nil))
	if err != nil || string(text) == string(c.want) {
		return false, err
	}
	c.want = text
	return true, os.WriteFile(c.file(WantFile), text, 0o644)
}

func (c *Case) wantRefusal(answer *inject.Result) error {
	if c.want != nil || c.Spec.Want != nil {
		return faulty("say in case.yaml what is wanted", "%s: the pod is refused: %s", c.Dir, answer.Message())
	}
	text := string(c.spec.data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	text += fmt.Sprintf("want: {outcome: %s, reason: %s}\n", answer.Outcome, answer.Reason)
	c.Spec.Want = &Want{Outcome: string(answer.Outcome), Reason: string(answer.Reason)}
	return os.WriteFile(c.file(SpecFile), []byte(text), 0o644)
}
