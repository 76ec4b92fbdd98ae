package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// statusOptions are the flags of status.
type statusOptions struct {
	offlineFlags
	all    bool
	output string
}

// tableName is what people may call the default form by.
const tableName = "table"

func newStatusCommand(std streams) *cobra.Command {
	o := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which workloads of a cluster have which sidecars",
		Long: `Show which workloads of a cluster have which sidecars, the worst first.

The state of a workload is that of its worst pod:
  refused   a pod lacks a sidecar that it asks for, and would be refused if created now
  missed    a pod lacks a sidecar that it asks for: it was created while the injector
            could not answer, or before somebody asked
  outdated  a pod has a sidecar of an older revision, or with other parameters
  unknown   a template cannot be read with your rights, or has faults while the injector
            has its last good version in force
  injected  the pods have what they would get today
Workloads that neither have sidecars nor ask for any are left out. A sidecar that does not
start has the reason beside it, such as ImagePullBackOff.

Exit code 0, whatever it shows; 2: the cluster cannot be asked.`,
		Example: `  sidecar-injector status -n shop
  sidecar-injector status -A -o wide`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.addCluster(cmd)
	flags := cmd.Flags()
	flags.Lookup("namespace").Usage = "`namespace` to show (default: the one of the kubeconfig's context)"
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "show all namespaces")
	flags.StringVarP(&o.output, "output", "o", outputTable, "table, wide, name, json or yaml")
	complete(cmd, "output", tableName, outputWide, outputName, outputJSON, outputYAML)
	return cmd
}

func (o *statusOptions) run(cmd *cobra.Command, std streams) error {
	switch o.output {
	case tableName:
		o.output = outputTable
	case outputTable, outputWide, outputName, outputJSON, outputYAML:
	default:
		return &hinted{fmt.Errorf("-o %q: want table, wide, name, json or yaml", o.output), seeHelp(cmd)}
	}
	_, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, workloads, err := o.workloads(cmd.Context())
	if err != nil {
		return o.unreachable(err)
	}
	text, err := o.format(workloads)
	if err != nil {
		return err
	}
	if _, err := std.Out.Write(text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if len(workloads) == 0 {
		fmt.Fprintln(std.ErrOut, "no workload has sidecars, or asks for any")
	}
	fmt.Fprint(std.ErrOut, loaded.notes(report))
	return nil
}

// workloads are those of the namespaces that the flags mean.
func (o *statusOptions) workloads(ctx context.Context) (*offline, []*live.Workload, error) {
	reader, err := o.newReader()
	if err != nil {
		return nil, nil, err
	}
	loaded := &offline{reader: reader}
	namespace, namespaces, err := o.namespaces(ctx, reader)
	if err != nil {
		return nil, nil, err
	}
	if err := o.readInjector(ctx, loaded, namespace); err != nil {
		return nil, nil, err
	}
	inventory, err := reader.Inventory(ctx, loaded.set, loaded.settings, namespaces, namespace, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("pods: %w", err)
	}
	return loaded, inventory.Workloads(), nil
}

// namespaces are those to show; the name is "" for all.
func (o *statusOptions) namespaces(ctx context.Context, reader *live.Reader) (string, []inject.Namespace, error) {
	if o.all {
		all, err := reader.Namespaces(ctx)
		if err != nil {
			return "", nil, fmt.Errorf("namespaces: %w", err)
		}
		return "", all, nil
	}
	name, err := o.currentNamespace()
	if err != nil {
		return "", nil, err
	}
	one, err := reader.Namespace(ctx, name)
	if err != nil {
		return "", nil, err
	}
	if one == nil {
		one = &inject.Namespace{Name: name, Labels: map[string]string{inject.InjectionLabel: "enabled"}}
	}
	return name, []inject.Namespace{*one}, nil
}

func (o *statusOptions) format(workloads []*live.Workload) ([]byte, error) {
	switch o.output {
	case outputJSON, outputYAML:
		if workloads == nil {
			workloads = []*live.Workload{}
		}
		return structured(o.output, map[string]any{"workloads": workloads})
	case outputName:
		var b bytes.Buffer
		for _, w := range workloads {
			fmt.Fprintln(&b, workloadName(w))
		}
		return b.Bytes(), nil
	}
	if len(workloads) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	printer := printers.NewTablePrinter(printers.PrintOptions{Wide: o.output == outputWide})
	if err := printer.PrintObj(statusTable(workloads), &b); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	return []byte(palette{}.printable(b.String())), nil
}

func workloadName(w *live.Workload) string {
	return strings.ToLower(live.Shown(w.Kind)) + "/" + live.Shown(w.Name)
}

func statusTable(workloads []*live.Workload) *metav1.Table {
	const onlyWide = 1
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Namespace"}, {Name: "Workload"}, {Name: "State"}, {Name: "Pods"}, {Name: "Sidecars"},
		{Name: "Injected", Priority: onlyWide}, {Name: "Outdated", Priority: onlyWide}, {Name: "Missed", Priority: onlyWide},
		{Name: "Refused", Priority: onlyWide}, {Name: "Why", Priority: onlyWide},
	}}
	for _, w := range workloads {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			w.Namespace, workloadName(w), w.Worst().String(), w.Pods, sidecarList(w),
			w.Injected, w.Outdated, w.Missed, w.Refused, orNone(whyOf(w)),
		}})
	}
	return table
}

// sidecarList names what the pods have and lack, with the number of pods where they differ.
func sidecarList(w *live.Workload) string {
	var list []string
	for _, s := range w.Sidecars {
		text := live.Instance{Name: s.Instance, Template: s.Template, Revision: s.Revision}.Text()
		if s.Revision == "" {
			text = "-" + text
		}
		if s.Pods < w.Pods {
			text += fmt.Sprintf(" (%d)", s.Pods)
		}
		if s.Waiting != "" {
			text += " " + live.Shown(s.Waiting)
		}
		list = append(list, text)
	}
	return orNone(strings.Join(list, ","))
}

// whyOf is what is wrong with the first sidecar that is not as it should be, or else with
// the request of a pod as a whole.
func whyOf(w *live.Workload) string {
	for _, s := range w.Sidecars {
		if s.Why != "" && s.State == w.Worst().String() {
			return cutText(s.Why)
		}
	}
	return cutText(w.Why)
}
