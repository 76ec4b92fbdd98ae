package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

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

// writeStructured writes value as JSON or YAML.
func writeStructured(std streams, output string, value any) error {
	text, err := structured(output, value)
	if err != nil {
		return err
	}
	return writeOut(std, text)
}

// knownOutput returns an error unless output is one of a command's formats.
func knownOutput(cmd *cobra.Command, output string, formats ...string) error {
	if slices.Contains(formats, output) {
		return nil
	}
	last := len(formats) - 1
	return &hinted{fmt.Errorf("-o %q: want %s or %s", output, strings.Join(formats[:last], ", "), formats[last]), seeHelp(cmd)}
}

// tableText returns the rows of a table as kubectl prints them.
func tableText(table *metav1.Table, wide, header bool) ([]byte, error) {
	var b bytes.Buffer
	if err := printers.NewTablePrinter(printers.PrintOptions{Wide: wide, NoHeaders: !header}).PrintObj(table, &b); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	return []byte(palette{}.Printable(b.String())), nil
}

// namesObject reports whether text is KIND/NAME.
func namesObject(text string) bool {
	kind, name, _ := strings.Cut(text, "/")
	return kind != "" && name != "" && !strings.Contains(name, "/")
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
