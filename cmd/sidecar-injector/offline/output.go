package offline

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// YAML returns the text of the input with the sidecars.
func (in *Input) YAML(answers []Answer) ([]byte, error) {
	documents, err := in.Edit(answers)
	if err != nil {
		return nil, err
	}
	var out []byte
	var before *manifest.Document
	for _, e := range documents {
		if before != nil && before.File != e.Document.File {
			out = separate(out, e.Text)
		}
		out, before = append(out, e.Text...), e.Document
	}
	return out, nil
}

// separate adds a document separator between the texts of two files, if necessary.
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

// JSON returns the only object of the input, or a List of all.
func (in *Input) JSON(answers []Answer) ([]byte, error) {
	objects, err := in.objects(answers)
	if err != nil {
		return nil, err
	}
	if len(objects) == 1 {
		return Indented(objects[0])
	}
	list := []byte(`{"apiVersion":"v1","kind":"List","items":[`)
	list = append(list, bytes.Join(objects, []byte(","))...)
	return Indented(append(list, "]}"...))
}

// Indented indents JSON as kubectl does.
func Indented(text []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "    "); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Patch returns the RFC 6902 patch of the workload's document; [] if nothing changes.
func (a *Answer) Patch() ([]byte, error) {
	text := (&inject.Result{Operations: a.operations()}).Patch()
	if text == nil {
		text = []byte("[]")
	}
	return Indented(text)
}

// PodYAML returns the pod with its sidecars as YAML.
func (a *Answer) PodYAML() ([]byte, error) {
	pod, err := patched(a.Pod.Written(), a.Result.Operations)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Place(""), err)
	}
	return manifest.YAML(pod)
}
