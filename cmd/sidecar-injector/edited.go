package main

import (
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// edited is a document with the sidecars in its text.
type edited struct {
	document *manifest.Document
	// text is the document's own, byte for byte, where nothing is injected.
	text    []byte
	changed bool
}

// edit puts what the answers add into the documents, in the order of the input.
func (o *offline) edit(answers []answer) ([]edited, error) {
	operations := map[*manifest.Document][]manifest.Operation{}
	for i := range answers {
		a := &answers[i]
		for _, op := range podOperations(a.pod, a.result.Operations) {
			operations[a.pod.Document] = append(operations[a.pod.Document], manifest.Operation(op))
		}
	}
	var all []edited
	for _, stream := range o.streams {
		for _, document := range stream.Documents {
			e := edited{document: document, text: document.Text}
			if list := operations[document]; len(list) > 0 {
				text, err := document.Edit(list)
				if err != nil {
					return nil, fmt.Errorf("injection: %w", err)
				}
				e.text, e.changed = text, true
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// podOperations are a result's operations as they are for the whole document.
func podOperations(pod manifest.Pod, operations []inject.Operation) []inject.Operation {
	moved := make([]inject.Operation, len(operations))
	for i, op := range operations {
		moved[i] = inject.Operation{Path: pod.Pointer + op.Path, Value: op.Value}
	}
	return moved
}

// injectedPods gives the pod of each answer as JSON, with its sidecars.
func injectedPods(answers []answer) ([][]byte, error) {
	pods := make([][]byte, len(answers))
	for i := range answers {
		a := &answers[i]
		var err error
		if pods[i], err = patched(a.pod.JSON, a.result.Operations); err != nil {
			return nil, fmt.Errorf("%s: %w", a.place(""), err)
		}
	}
	return pods, nil
}

// patched applies operations to JSON, whose order of members it keeps.
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

// jsonObjects are the objects of the input with their sidecars, as JSON; empty
// documents are none.
func (o *offline) jsonObjects(answers []answer) ([][]byte, error) {
	operations := map[*manifest.Document][]inject.Operation{}
	for i := range answers {
		a := &answers[i]
		operations[a.pod.Document] = append(operations[a.pod.Document], podOperations(a.pod, a.result.Operations)...)
	}
	var objects [][]byte
	for _, stream := range o.streams {
		for _, document := range stream.Documents {
			if document.Root == nil {
				continue
			}
			object, err := patched(document.JSON(), operations[document])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", document.File, document.Line, err)
			}
			objects = append(objects, object)
		}
	}
	return objects, nil
}
