package main

import (
	"encoding/json"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// The output formats that several commands have.
const (
	outputText = "text"
	outputYAML = "yaml"
	outputJSON = "json"
)

// structured returns value as JSON or YAML.
func structured(output string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if output == outputYAML {
		return manifest.YAML(text)
	}
	return offline.Indented(text)
}

// items returns a list that JSON shows as one even if it is empty.
func items[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}

// writeOut writes a command's output.
func writeOut(std streams, text []byte) error {
	progress.On(std.ErrOut).Done() // the reader of the output may draw on the same terminal, such as a pager
	if _, err := std.Out.Write(text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}
