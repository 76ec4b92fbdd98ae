package main

import (
	"fmt"

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
		operations[a.pod.Document] = append(operations[a.pod.Document], podOperations(a.pod, a.result.Operations)...)
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
func podOperations(pod manifest.Pod, operations []inject.Operation) []manifest.Operation {
	moved := make([]manifest.Operation, len(operations))
	for i, op := range operations {
		moved[i] = manifest.Operation{Path: pod.Pointer + op.Path, Value: op.Value}
	}
	return moved
}

// injectedPods gives the pod of each answer as JSON, with its sidecars. The edited
// texts are read again for it, so that this is what inject prints.
func (o *offline) injectedPods(answers []answer) ([][]byte, error) {
	documents, err := o.edit(answers)
	if err != nil {
		return nil, err
	}
	type place struct {
		document *manifest.Document
		pointer  string
	}
	injected := map[place][]byte{}
	for _, e := range documents {
		if !e.changed {
			continue
		}
		stream, err := manifest.Parse(e.document.File, e.text)
		if err != nil {
			return nil, fmt.Errorf("injected text: %w", err)
		}
		pods, err := stream.Pods()
		if err != nil {
			return nil, fmt.Errorf("injected text: %w", err)
		}
		for _, pod := range pods {
			injected[place{e.document, pod.Pointer}] = pod.JSON
		}
	}
	pods := make([][]byte, len(answers))
	for i := range answers {
		pod := answers[i].pod
		pods[i] = pod.JSON
		if after, ok := injected[place{pod.Document, pod.Pointer}]; ok {
			pods[i] = after
		}
	}
	return pods, nil
}
