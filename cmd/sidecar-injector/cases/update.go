package cases

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Update writes the actual result as the expected one, and reports whether that changed a file. It writes
// want.yaml if the case has one or has no expectation. If the pod is refused, or lacks something that is asked
// for, a case without expectation gets the outcome as want in case.yaml, with the reason.
func (r *Result) Update() (bool, error) {
	c := r.Case
	if c.want == nil && c.Spec.wants() {
		return false, nil
	}
	if r.After == nil && r.Answer.Allowed() {
		return false, fmt.Errorf("%s: %s", c.Dir, r.Failures[len(r.Failures)-1].Message) // the patch does not apply
	}
	if missing := r.missing(); r.After == nil || len(missing) > 0 && !c.Spec.Want.decides() {
		if err := r.wantOutcome(missing[0].reason); err != nil || len(r.Answer.Operations) == 0 {
			return true, err
		}
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
	return true, withoutOperation(os.WriteFile(c.file(WantFile), text, 0o644))
}

// decides reports whether w says how the decision has to come out; w may be nil.
func (w *Want) decides() bool {
	return w != nil && w.Outcome+w.Reason+w.Message != ""
}

// wantOutcome writes the outcome, and the reason why something is missing, as want into case.yaml.
func (r *Result) wantOutcome(reason inject.Reason) error {
	c := r.Case
	if c.want != nil {
		return faulty(fmt.Sprintf("say in %s what is wanted, and remove %s if no pod is", SpecFile, WantFile),
			"%s: %s wants a pod with all that is asked for, and the outcome is %s", c.Dir, WantFile, strings.Join(append([]string{string(r.Answer.Outcome)}, r.why()...), ": "))
	}
	want := Want{Outcome: string(r.Answer.Outcome), Reason: string(reason)}
	text, err := c.spec.with(want)
	if err != nil {
		return faulty(fmt.Sprintf("write there yourself: want: {outcome: %s, reason: %s}", want.Outcome, want.Reason), "%w", err)
	}
	c.Spec.Want = &want
	return withoutOperation(os.WriteFile(c.file(SpecFile), text, 0o644))
}

// with returns the text of the file with another want, and all else as it was written.
func (t *specText) with(want Want) ([]byte, error) {
	value, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	if t.root == nil { // nothing but comments
		line := fmt.Sprintf("want: {outcome: %s, reason: %s}\n", want.Outcome, want.Reason)
		if len(t.data) > 0 && !strings.HasSuffix(string(t.data), "\n") {
			line = "\n" + line
		}
		return t.checked(append(slices.Clone(t.data), line...), want)
	}
	stream, err := manifest.Parse(t.file, t.data)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, document := range stream.Documents {
		text := document.Text
		if document.Root != nil {
			if text, err = edit.Apply(document, []edit.Operation{{Path: "/want", Value: value}}); err != nil {
				return nil, err
			}
		}
		all = append(all, text...)
	}
	return t.checked(all, want)
}

// checked returns the text if it is that of a case.yaml that wants this.
func (t *specText) checked(text []byte, want Want) ([]byte, error) {
	c := &Case{spec: &specText{file: t.file, data: text}}
	if err := c.parseSpec(); err != nil || c.Spec.Want == nil || *c.Spec.Want != want {
		return nil, fmt.Errorf("%s: nothing can be added to this text", t.file)
	}
	return text, nil
}
