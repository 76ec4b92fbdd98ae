package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/release"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// validateOptions are the flags of validate.
type validateOptions struct {
	fileFlags
	commonFlags
	output     string
	strict     bool
	kubernetes string
}

// The output formats of validate besides text and JSON.
const (
	outputJUnit  = "junit"
	outputSARIF  = "sarif"
	outputGitHub = "github"
)

func newValidateCommand(std streams) *cobra.Command {
	o := &validateOptions{}
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check templates",
		Long: `Check templates and print all findings, each with its place.

Every template is read strictly, its expressions are checked against the types of
Kubernetes, and it is rendered with its defaults and with each of its examples.
Fields that the Kubernetes of --kubernetes-version drops are warnings; those for which
it refuses the pod are errors.

Exit code 0: all templates can be used; 1: one has errors, or with --strict
warnings; 2: something cannot be read or holds no template.`,
		Example: `  sidecar-injector validate -f templates/ -R
  sidecar-injector validate -f log-collector.yaml -o sarif > findings.sarif`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.fileFlags.add(cmd, "templates")
	o.commonFlags.add(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, json, junit, sarif, or github: annotations of a GitHub workflow")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "let warnings count as errors")
	cmd.Flags().StringVar(&o.kubernetes, "kubernetes-version", release.Oldest, "`version` of the oldest cluster that the templates are for: fields that it does not have are found")
	complete(cmd, "output", outputText, outputJSON, outputJUnit, outputSARIF, outputGitHub)
	return cmd
}

func (o *validateOptions) run(cmd *cobra.Command, std streams) error {
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	write, ok := map[string]func(checked) ([]byte, error){
		outputText:   func(c checked) ([]byte, error) { return []byte(findingsText(c.findings(), out)), nil },
		outputJSON:   findingsJSON,
		outputJUnit:  findingsJUnit,
		outputSARIF:  findingsSARIF,
		outputGitHub: func(c checked) ([]byte, error) { return []byte(findingsGitHub(c.findings())), nil },
	}[o.output]
	if !ok {
		forms := []string{outputText, outputJSON, outputJUnit, outputSARIF, outputGitHub}
		return &hinted{fmt.Errorf("-o %q: want one of %s", o.output, strings.Join(forms, ", ")), seeHelp(cmd)}
	}
	kubernetes, err := utilversion.ParseGeneric(o.kubernetes)
	if err != nil {
		return &hinted{fmt.Errorf("--kubernetes-version %q: want a version", o.kubernetes), "write it as 1.34 or v1.34.2"}
	}
	if err := o.required(); err != nil {
		return err
	}
	files, err := o.files(std)
	if err != nil {
		return err
	}
	result, err := check(files, kubernetes, progress.On(std.ErrOut))
	if err != nil {
		return err
	}
	result.strict = o.strict
	text, err := write(result)
	if err != nil {
		return err
	}
	if err := writeOut(std, text); err != nil {
		return err
	}
	fmt.Fprintln(std.ErrOut, result.summary(report))
	if !cmd.Flags().Changed("kubernetes-version") && result.newer() {
		fmt.Fprintf(std.ErrOut, "%s --kubernetes-version names the oldest of your clusters; without it, it is %s, the oldest that sidecar-injector supports\n", report.Cyan("hint:"), release.Oldest)
	}
	if !result.valid() {
		return &answerNo{}
	}
	return nil
}

// checked is the result for all files.
type checked struct {
	entries []templates.Entry
	strict  bool
}

// check loads the templates of all files. A file without any template is an error, because the user expects
// it to be checked.
func check(files []file, kubernetes *utilversion.Version, line *progress.Line) (checked, error) {
	loader := load.NewLoader().For(kubernetes)
	var entries []templates.Entry
	var faults []error
	for i, f := range files {
		line.Show("checking files", i, len(files))
		if !holdsTemplate(f) {
			faults = append(faults, &hinted{fmt.Errorf("%s: holds no template", f.name),
				fmt.Sprintf("a template has apiVersion %s and kind %s or %s", v1alpha1.GroupVersion, v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind)})
			continue
		}
		entries = append(entries, loader.Load(templates.SourceDirectory, f.name, f.data)...)
	}
	return checked{entries: templates.MarkDuplicates(entries)}, errors.Join(faults...)
}

// holdsTemplate reports whether a document of the file is meant to be a template. It is true for a file
// that is not valid YAML, whose errors become findings.
func holdsTemplate(f file) bool {
	stream, err := manifest.Parse(f.name, f.data)
	if err != nil {
		return true
	}
	for _, document := range stream.Documents {
		if meansTemplate(document.Root) {
			return true
		}
	}
	return false
}

func meansTemplate(n *yaml.Node) bool {
	if _, items := manifest.Member(n, "items"); items != nil && items.Kind == yaml.SequenceNode {
		return slices.ContainsFunc(items.Content, meansTemplate)
	}
	_, version := manifest.Member(n, "apiVersion")
	_, kind := manifest.Member(n, "kind")
	return version != nil && strings.HasPrefix(version.Value, v1alpha1.GroupVersion.Group) ||
		kind != nil && strings.Contains(strings.ToLower(kind.Value), "sidecartemplate")
}

// findings returns the findings of all files, errors first for each template.
func (c checked) findings() []templates.Finding {
	var all []templates.Finding
	for _, e := range c.entries {
		all = append(all, e.Findings...)
	}
	return all
}

func (c checked) count() (errors, warnings int) {
	for _, f := range c.findings() {
		if f.Severity == templates.SeverityError {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// newer reports whether something is too new for the release of Kubernetes.
func (c checked) newer() bool {
	return slices.ContainsFunc(c.findings(), func(f templates.Finding) bool { return f.Reason == templates.NewerKubernetes })
}

func (c checked) valid() bool {
	errors, warnings := c.count()
	return errors == 0 && (!c.strict || warnings == 0)
}

// summary returns the counts in one line.
func (c checked) summary(p palette) string {
	errors, warnings := c.count()
	text := fmt.Sprintf("%s checked: %s, %s", terminal.Plural(len(c.entries), "template"), terminal.Plural(errors, "error"), terminal.Plural(warnings, "warning"))
	if c.valid() {
		return p.Green(text)
	}
	return p.Red(text)
}
