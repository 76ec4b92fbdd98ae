package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

func newTemplatesCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "List, show, start and test templates",
		Args:  noSuchCommand,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newTemplatesListCommand(std),
		newTemplatesShowCommand(std),
		newTemplatesNewCommand(std),
		newTemplatesSchemaCommand(std),
		newTemplatesTestCommand(std),
		newTemplatesEvalCommand(std),
	)
	return cmd
}

// oneArgument requires exactly one argument, described by what.
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

func newTemplatesSchemaCommand(std streams) *cobra.Command {
	common, ofCase := commonFlags{}, false
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of templates, or of their cases, for editors",
		Example: `  sidecar-injector templates schema > ` + schemaFile + `
  sidecar-injector templates schema --case > sidecar-case.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			write := shape.JSONSchema
			if ofCase {
				write = cases.JSONSchema
			}
			text, err := write()
			if err != nil {
				return fmt.Errorf("JSON Schema: %w", err)
			}
			text = append(bytes.TrimRight(text, "\n"), '\n')
			return writeOut(std, text)
		},
	}
	common.add(cmd)
	cmd.Flags().BoolVar(&ofCase, "case", false, "print that of "+cases.SpecFile+", which templates test reads")
	return cmd
}

// lookup returns the template that a pod of the namespace gets by that name, or the canary of that name.
func (c *commonFlags) lookup(set *templates.Set, name string) (templates.Entry, error) {
	namespace := cmp.Or(c.namespace, "default")
	entry, ok := set.Lookup(namespace, name)
	if !ok {
		entry, ok = set.Canary(namespace, name)
	}
	if ok {
		return entry, nil
	}
	hint := message.DidYouMean(name, set.Names(namespace), "sidecar-injector templates list shows the names")
	return entry, &hinted{fmt.Errorf("template %s does not exist", message.Quote(name)), hint}
}

// completeTemplate completes names of templates.
func (c *commonFlags) completeTemplate(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	set, err := c.templates()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace := cmp.Or(c.namespace, "default")
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

// findingsOf returns the errors among an entry's findings as one error.
func findingsOf(entry templates.Entry) error {
	var faults []error
	for _, f := range entry.Findings {
		if f.Severity == templates.SeverityError {
			faults = append(faults, &hinted{errors.New(f.String()), f.Hint})
		}
	}
	return errors.Join(faults...)
}
