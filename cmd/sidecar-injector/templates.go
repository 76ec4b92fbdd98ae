package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

func newTemplatesCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "List, show, start and test templates",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newTemplatesListCommand(std),
		newTemplatesShowCommand(std),
		newTemplatesNewCommand(std),
		newTemplatesSchemaCommand(std),
		newTemplatesTestCommand(std),
	)
	return cmd
}

// oneArgument wants exactly one, and says what it is.
func oneArgument(what, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return &hinted{fmt.Errorf("%s is missing", what), hint}
		case 1:
			return nil
		}
		return &hinted{fmt.Errorf("unexpected argument %q", args[1]), "give one " + what}
	}
}

// schemaFile is what templates new takes the schema's file to be called.
const schemaFile = "sidecar-template.schema.json"

// starter is the text of templates new.
//
//go:embed starter.yaml
var starter string

func newTemplatesNewCommand(std streams) *cobra.Command {
	schema := ""
	common := commonFlags{}
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Print a template to start from",
		Long: `Print a template to start from: it can be used as it is, and its comments say
what can be changed.`,
		Example: `  sidecar-injector templates new log-shipper > log-shipper.yaml
  sidecar-injector templates schema > ` + schemaFile + `
  sidecar-injector validate -f log-shipper.yaml`,
		Args: oneArgument("the template's name", "sidecar-injector templates new NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := starterText(args[0], schema)
			if err != nil {
				return err
			}
			return writeOut(std, text)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	common.add(cmd)
	cmd.Flags().StringVar(&schema, "schema", schemaFile, "`file` or address of the JSON Schema that editors read")
	return cmd
}

// starterText is a template of that name.
func starterText(name, schema string) ([]byte, error) {
	if !templates.ValidName(name) {
		return nil, &hinted{fmt.Errorf("template name %s is not valid", templates.Quote(name)),
			fmt.Sprintf("lower-case letters, digits and inner hyphens, at most %d, and not true, false or none", templates.MaxName)}
	}
	page, err := template.New("starter").Delims("[[", "]]").Parse(starter)
	if err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, map[string]string{"Name": name, "Schema": schema}); err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	return out.Bytes(), nil
}

func newTemplatesSchemaCommand(std streams) *cobra.Command {
	common := commonFlags{}
	cmd := &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of templates, for editors",
		Example: `  sidecar-injector templates schema > ` + schemaFile,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := shape.JSONSchema()
			if err != nil {
				return fmt.Errorf("JSON Schema: %w", err)
			}
			text = append(bytes.TrimRight(text, "\n"), '\n')
			return writeOut(std, text)
		},
	}
	common.add(cmd)
	return cmd
}

// lookup finds the template that a pod of the namespace gets by that name.
func (c *commonFlags) lookup(set *templates.Set, name string) (templates.Entry, error) {
	namespace := c.namespace
	if namespace == "" {
		namespace = "default"
	}
	entry, ok := set.Lookup(namespace, name)
	if ok {
		return entry, nil
	}
	hint := "sidecar-injector templates list shows the names"
	if near := templates.Nearest(name, set.Names(namespace)); near != "" {
		hint = "did you mean " + near + "?"
	}
	return entry, &hinted{fmt.Errorf("template %s does not exist", templates.Quote(name)), hint}
}

// completeTemplate offers the names of templates to the shell.
func (c *commonFlags) completeTemplate(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	set, err := c.templates()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace := c.namespace
	if namespace == "" {
		namespace = "default"
	}
	var names []string
	for _, name := range set.Names(namespace) {
		entry, _ := set.Lookup(namespace, name)
		if entry.Template != nil {
			name += "\t" + terminal.FirstSentence(entry.Template.Spec.Description)
		}
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// findingsOf are an entry's errors as one error, for those who wanted to use it.
func findingsOf(entry templates.Entry) error {
	var faults []error
	for _, f := range entry.Findings {
		if f.Severity == templates.SeverityError {
			faults = append(faults, &hinted{errors.New(f.String()), f.Hint})
		}
	}
	return errors.Join(faults...)
}
