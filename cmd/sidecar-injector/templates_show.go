package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func newTemplatesShowCommand(std streams) *cobra.Command {
	common := &commonFlags{}
	output := outputText
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a template's parameters and the annotations that ask for it",
		Example: `  sidecar-injector templates show log-collector
  sidecar-injector templates show log-collector -o yaml > templates/log-collector.yaml`,
		Args: oneArgument("the template's name", "sidecar-injector templates list shows the names"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := knownOutput(cmd, output, outputText, outputYAML, outputJSON); err != nil {
				return err
			}
			return showTemplate(common, args[0], output, std)
		},
		ValidArgsFunction: common.completeTemplate,
	}
	common.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", outputText, "text; yaml: the template's own text; json")
	complete(cmd, "output", outputText, outputYAML, outputJSON)
	return cmd
}

func showTemplate(common *commonFlags, name, output string, std streams) error {
	out, _, err := common.palettes(std)
	if err != nil {
		return err
	}
	set, err := common.templates()
	if err != nil {
		return err
	}
	entry, err := common.lookup(set, name)
	if err != nil {
		return err
	}
	if entry.Template == nil {
		return &answerNo{findingsOf(entry)}
	}
	var text []byte
	switch output {
	case outputText:
		text = []byte(templateText(entry.Template, common.canaries(set, entry), out))
	case outputYAML:
		text, err = ownText(entry)
	default:
		object, failed := templateObject(entry.Template)
		if failed != nil {
			return failed
		}
		text, err = structured(outputJSON, object.Object)
	}
	if err != nil {
		return err
	}
	return writeOut(std, text)
}

// ownText returns the document that a template was loaded from, as its author wrote it. A template in a
// List is marshalled instead.
func ownText(entry templates.Entry) ([]byte, error) {
	data, err := originData(entry.Origin)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", message.Quote(entry.Name), err)
	}
	stream, err := manifest.Parse(entry.Origin.File, data)
	if err != nil {
		return nil, err
	}
	for _, document := range stream.Documents {
		if document.Root == nil || document.Root.Line != entry.Origin.Line {
			continue
		}
		text := bytes.TrimPrefix(document.Text, []byte("---\n"))
		return append(bytes.TrimRight(text, "\n"), '\n'), nil
	}
	object, err := templateObject(entry.Template)
	if err != nil {
		return nil, err
	}
	return structured(outputYAML, object.Object)
}

func originData(origin templates.Origin) ([]byte, error) {
	if origin.Source == templates.SourceBuiltIn {
		return fs.ReadFile(builtin.FS, origin.File)
	}
	return os.ReadFile(origin.File)
}

// templateText describes a template for authors of pods.
func templateText(t *templates.Template, canaries []string, p palette) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.Bold(fmt.Sprintf("%s %s", t.Kind, t.OwnName())))
	if t.Spec.Description != "" {
		fmt.Fprintf(&b, "%s\n", t.Spec.Description)
	}
	fmt.Fprintln(&b)
	fact := func(label, text string) {
		fmt.Fprintf(&b, "%s  %s\n", terminal.Pad(label, len("Failure policy:")), text)
	}
	fact("From:", offline.OriginText(t))
	fact("Revision:", t.Revision)
	if t.Namespace != "" {
		fact("Namespace:", t.Namespace)
	}
	for i, text := range canaries {
		label := "Canary:"
		if i > 0 {
			label = ""
		}
		fact(label, text)
	}
	fact("Failure policy:", string(t.FailurePolicy))
	fact("Overrides:", cmp.Or(strings.Join(t.Overrides, ", "), none))
	if len(t.Spec.Supports) > 0 {
		fact("Supports:", strings.Trim(fmt.Sprint(t.Spec.Supports), "[]"))
	}
	if t.PodSelector != nil {
		fact("Injected into:", "without being asked: "+selected("pods", t.PodSelector)+", in "+selected("namespaces", t.NamespaceSelector))
	}
	for i, permission := range t.UsualPermissions() {
		label := "Needs:"
		if i > 0 {
			label = ""
		}
		fact(label, permission.String()+" (the pod's service account)")
	}
	b.WriteString(parametersText(t, p))
	fmt.Fprintf(&b, "\n%s\n", p.Bold("Annotations of the pod (in a Deployment: spec.template.metadata.annotations):"))
	for _, line := range annotationLines(t) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return p.Printable(b.String())
}

// canaries returns, for a canary, what it replaces, and for any other template the canaries that replace
// it.
func (c *commonFlags) canaries(set *templates.Set, e templates.Entry) []string {
	if t := e.Template; t.Canary != nil {
		text := mark(set, e)
		if of, ok := strings.CutPrefix(text, "canary of "); ok {
			text = "takes the place of " + of
		}
		return []string{text}
	}
	w := templates.Workload{Namespace: cmp.Or(c.namespace, "default")}
	var all []string
	for _, trial := range set.Trials(&w, e.Name) {
		all = append(all, trial.Template.Canary.Name+" takes its place for "+trial.Template.Canary.Scope())
	}
	return all
}

func selected(what string, selector labels.Selector) string {
	if selector.Empty() {
		return "all " + what
	}
	return what + " with " + selector.String()
}

func parametersText(t *templates.Template, p palette) string {
	if len(t.Spec.Parameters) == 0 {
		return ""
	}
	rows := [][]string{{"PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"}}
	for _, param := range t.Spec.Parameters {
		rows = append(rows, []string{param.Name, string(param.Type), defaultText(t, &param), describeParameter(&param)})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	b.WriteByte('\n')
	for i, row := range rows {
		line := ""
		for column, cell := range row {
			line += terminal.Pad(cell, widths[column]) + "  "
		}
		line = strings.TrimRight(line, " ")
		if i == 0 {
			line = p.Bold(line)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func defaultText(t *templates.Template, param *v1alpha1.Parameter) string {
	if param.Required {
		return "(required)"
	}
	values, _ := t.Bind(nil)
	if text := values.Text(param.Name); text != "" {
		return manifest.Scalar(text)
	}
	return "-"
}

// describeParameter returns the parameter's description with its constraints.
func describeParameter(param *v1alpha1.Parameter) string {
	text := param.Description
	var limits []string
	if len(param.Enum) > 0 {
		var shown []string
		for _, value := range param.Enum {
			if value != "" {
				shown = append(shown, value)
			}
		}
		limits = append(limits, "one of "+strings.Join(shown, ", "))
	}
	if param.Minimum != nil {
		limits = append(limits, "at least "+strings.Trim(string(param.Minimum.Raw), `"`))
	}
	if param.Maximum != nil {
		limits = append(limits, "at most "+strings.Trim(string(param.Maximum.Raw), `"`))
	}
	if param.MaxLength != nil {
		limits = append(limits, fmt.Sprintf("at most %d characters", *param.MaxLength))
	}
	if len(limits) == 0 {
		return text
	}
	return strings.TrimSpace(text + " (" + strings.Join(limits, "; ") + ")")
}

// annotationLines returns the lines to copy: the request, and the required parameters and those of the
// first example.
func annotationLines(t *templates.Template) []string {
	lines := []string{inject.RequestAnnotation + ": " + t.Name}
	example := map[string]string{}
	if len(t.Spec.Examples) > 0 {
		for name, value := range t.Spec.Examples[0].Parameters {
			example[name] = exampleText(value.Raw)
		}
	}
	for _, param := range t.Spec.Parameters {
		text, given := example[param.Name]
		if !given && !param.Required {
			continue
		}
		if !given {
			text = strings.ToUpper(param.Name)
		}
		lines = append(lines, fmt.Sprintf("%s.%s/%s: %s", t.Name, inject.Domain, param.Name, manifest.Scalar(text)))
	}
	return lines
}

// exampleText returns a value of an example in the form of an annotation.
func exampleText(raw []byte) string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, ",")
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
