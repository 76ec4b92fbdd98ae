package offline

import (
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Edited is a document with the sidecars added to its text.
type Edited struct {
	Document *manifest.Document
	// Text is the document's original text if nothing is injected.
	Text    []byte
	Changed bool
}

// Edit adds the sidecars of the answers to the documents, and returns all documents in the order of the
// input.
func (in *Input) Edit(answers []Answer) ([]Edited, error) {
	operations := map[*manifest.Document][]edit.Operation{}
	for i := range answers {
		a := &answers[i]
		for _, op := range a.operations() {
			operations[a.Pod.Document] = append(operations[a.Pod.Document], edit.Operation(op))
		}
	}
	var all []Edited
	for i, stream := range in.Streams {
		in.progress("editing files", i, len(in.Streams))
		for _, document := range stream.Documents {
			e := Edited{Document: document, Text: document.Text}
			if list := operations[document]; len(list) > 0 {
				if err := in.stop(); err != nil {
					return nil, err
				}
				text, err := edit.Apply(document, list)
				if err != nil {
					return nil, fmt.Errorf("injection: %w", err)
				}
				e.Text, e.Changed = text, true
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// operations returns the result's operations with paths in the whole document.
func (a *Answer) operations() []inject.Operation {
	moved := make([]inject.Operation, len(a.Result.Operations))
	for i, op := range a.Result.Operations {
		moved[i] = inject.Operation{Path: a.Pod.Pointer + op.Path, Value: op.Value}
	}
	return moved
}

// Injected returns the pod with its sidecars as JSON.
func (a *Answer) Injected() ([]byte, error) {
	pod, err := patched(a.Pod.JSON, a.Result.Operations)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Place(""), err)
	}
	return pod, nil
}

// patched applies operations to JSON and keeps the order of its members.
func patched(object []byte, operations []inject.Operation) ([]byte, error) {
	text := (&inject.Result{Operations: operations}).Patch()
	if text == nil {
		return object, nil
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	if object, err = patch.Apply(object); err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	return object, nil
}

// objects returns the objects of the input with their sidecars, as JSON. Empty documents are left out.
func (in *Input) objects(answers []Answer) ([][]byte, error) {
	operations := map[*manifest.Document][]inject.Operation{}
	for i := range answers {
		a := &answers[i]
		operations[a.Pod.Document] = append(operations[a.Pod.Document], a.operations()...)
	}
	var objects [][]byte
	for _, stream := range in.Streams {
		for _, document := range stream.Documents {
			if document.Root == nil {
				continue
			}
			object, err := patched(document.Written(), operations[document])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", document.File, document.Line, err)
			}
			objects = append(objects, object)
		}
	}
	return objects, nil
}
