package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// yaml is the input's text with the sidecars in it.
func (o *offline) yaml(answers []answer) ([]byte, error) {
	documents, err := o.edit(answers)
	if err != nil {
		return nil, err
	}
	var out []byte
	var before *manifest.Document
	for _, e := range documents {
		if before != nil && before.File != e.document.File {
			out = separate(out, e.text)
		}
		out, before = append(out, e.text...), e.document
	}
	return out, nil
}

// separate ends what one file holds before the text of the next.
func separate(out, next []byte) []byte {
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	switch trimmed := bytes.TrimLeft(next, " \t\r\n"); {
	case bytes.HasPrefix(trimmed, []byte("---")):
		return out
	case bytes.HasPrefix(trimmed, []byte("%")): // a directive needs the end of the document before it
		return append(out, "...\n"...)
	}
	return append(out, "---\n"...)
}

// json is the only object of the input, or a List of all.
func (o *offline) json(answers []answer) ([]byte, error) {
	objects, err := o.jsonObjects(answers)
	if err != nil {
		return nil, err
	}
	if len(objects) == 1 {
		return indented(objects[0])
	}
	list := []byte(`{"apiVersion":"v1","kind":"List","items":[`)
	list = append(list, bytes.Join(objects, []byte(","))...)
	return indented(append(list, "]}"...))
}

// indented lays JSON out as kubectl does.
func indented(text []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "    "); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// only is the one workload that -o patch and -o pod are about.
func only(answers []answer) (*answer, error) {
	switch len(answers) {
	case 1:
		return &answers[0], nil
	case 0:
		return nil, errors.New("the input holds no pod and no workload")
	}
	return nil, &hinted{fmt.Errorf("the input holds %d workloads, and this form of output is for one", len(answers)), "give one at a time, or use -o yaml or -o json"}
}

// patch turns the only workload's document into the injected one; [] if nothing changes.
func (o *offline) patch(answers []answer) ([]byte, error) {
	a, err := only(answers)
	if err != nil {
		return nil, err
	}
	text := (&inject.Result{Operations: podOperations(a.pod, a.result.Operations)}).Patch()
	if text == nil {
		text = []byte("[]")
	}
	return indented(text)
}

// podYAML is the only workload's pod.
func (o *offline) podYAML(answers []answer) ([]byte, error) {
	a, err := only(answers)
	if err != nil {
		return nil, err
	}
	pods, err := injectedPods([]answer{*a})
	if err != nil {
		return nil, err
	}
	return manifest.YAML(pods[0])
}
