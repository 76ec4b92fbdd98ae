package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

const (
	outputTable    = ""
	outputWide     = "wide"
	outputName     = "name"
	outputJSONPath = "jsonpath="
)

// none stands in tables for what is empty.
const none = "<none>"

func newTemplatesListCommand(std streams) *cobra.Command {
	common := commonFlags{}
	output := ""
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the templates that there are",
		Example: `  sidecar-injector templates list --template-dir templates/
  sidecar-injector templates list -o wide`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			printer, err := listPrinter(output)
			if err != nil {
				return &hinted{err, seeHelp(cmd)}
			}
			set, err := common.templates()
			if err != nil {
				return err
			}
			object, err := listed(set, output)
			if err != nil {
				return err
			}
			if err := printer.PrintObj(object, std.Out); err != nil {
				return fmt.Errorf("output: %w", err)
			}
			return nil
		},
	}
	common.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "wide, name, json, yaml or jsonpath=TEMPLATE")
	complete(cmd, "output", outputWide, outputName, outputJSON, outputYAML, outputJSONPath)
	return cmd
}

// listPrinter returns kubectl's printer of an output format.
func listPrinter(output string) (printers.ResourcePrinter, error) {
	switch output {
	case outputTable, outputWide:
		return printers.NewTablePrinter(printers.PrintOptions{Wide: output == outputWide}), nil
	case outputName:
		return &printers.NamePrinter{}, nil
	case outputJSON:
		return &printers.JSONPrinter{}, nil
	case outputYAML:
		return &printers.YAMLPrinter{}, nil
	}
	if path, ok := strings.CutPrefix(output, outputJSONPath); ok {
		return printers.NewJSONPathPrinter(path)
	}
	return nil, fmt.Errorf("-o %q: want wide, name, json, yaml or jsonpath=TEMPLATE", output)
}

// listed returns the set as the object that the printer of a format takes.
func listed(set *templates.Set, output string) (runtime.Object, error) {
	if output == outputTable || output == outputWide {
		return templatesTable(set, output == outputWide), nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("v1")
	list.SetKind("List")
	for _, e := range set.Entries() {
		if e.Template == nil {
			continue
		}
		object, err := templateObject(e.Template)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, *object)
	}
	return list, nil
}

// templateObject returns a template as an object of the cluster, with its revision in the status.
func templateObject(t *templates.Template) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(v1alpha1.ClusterSidecarTemplate{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: t.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: t.OwnName(), Namespace: t.Namespace},
		Spec:       *t.Spec,
		Status:     v1alpha1.SidecarTemplateStatus{Revision: t.Revision},
	})
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", message.Quote(t.OwnName()), err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("template %s: %w", message.Quote(t.OwnName()), err)
	}
	unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
	return object, nil
}

// templatesTable returns a row for each template, including hidden and broken ones.
func templatesTable(set *templates.Set, wide bool) *metav1.Table {
	const onlyWide = 1
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Name"}, {Name: "Kind"}, {Name: "Source"}, {Name: "Revision"}, {Name: "Parameters"}, {Name: "Description"},
		{Name: "Namespace", Priority: onlyWide}, {Name: "Order", Priority: onlyWide}, {Name: "Failure policy", Priority: onlyWide},
		{Name: "Overrides", Priority: onlyWide}, {Name: "File", Priority: onlyWide},
	}}
	for _, e := range set.Entries() {
		cells := templateCells(set, e)
		if !wide {
			cells[descriptionCell] = terminal.Shorten(cells[descriptionCell].(string), longestDescription)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	return table
}

// The index of the description's cell, and its greatest length in characters unless the format is wide.
const (
	descriptionCell    = 5
	longestDescription = 72
)

func templateCells(set *templates.Set, e templates.Entry) []any {
	name := e.Name
	if name == "" {
		name = "<unreadable>"
	}
	t := e.Template
	if t == nil {
		description := "broken"
		if len(e.Findings) > 0 {
			description += ": " + e.Findings[0].Message
		}
		return []any{name, e.Kind, e.Origin.Source, none, none, description, cmp.Or(e.Namespace, none), none, none, none, fileOf(e)}
	}
	description := terminal.FirstSentence(t.Spec.Description)
	if mark := mark(set, e); mark != "" {
		description = "(" + mark + ") " + description
	}
	return []any{
		name, e.Kind, e.Origin.Source, t.Revision, t.Spec.ParameterSummary(), description,
		cmp.Or(e.Namespace, none), t.Spec.Order, string(t.FailurePolicy), cmp.Or(strings.Join(t.Overrides, ","), none), fileOf(e),
	}
}

// mark describes a template that is hidden by another one, or that is a canary; "" for any other.
func mark(set *templates.Set, e templates.Entry) string {
	t := e.Template
	if t.Canary == nil {
		if inForce, _ := set.Lookup(e.Namespace, e.Name); inForce.Template != t {
			return "hidden by that of the " + inForce.Origin.Source
		}
		return ""
	}
	if i := slices.IndexFunc(e.Findings, func(f templates.Finding) bool { return f.Reason == templates.UnusedCanary }); i >= 0 {
		return e.Findings[i].Message
	}
	if inForce, _ := set.Canary(e.Namespace, e.Name); inForce.Template != t {
		return "hidden by that of the " + inForce.Origin.Source
	}
	return fmt.Sprintf("canary of %s for %s", t.Name, t.Canary.Scope())
}

func fileOf(e templates.Entry) string {
	if e.Origin.File == "" {
		return none
	}
	return fmt.Sprintf("%s:%d", e.Origin.File, e.Origin.Line)
}
