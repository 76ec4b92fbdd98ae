package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
)

// statusOptions are the flags of status.
type statusOptions struct {
	fleetFlags
	output   string
	states   []string
	watch    bool
	exitCode bool

	only []fleet.State
	// rest returns how long --watch waits after a list that took so long.
	rest func(took time.Duration) time.Duration
}

// tableName is another name of the output format outputTable.
const tableName = "table"

func newStatusCommand(std streams) *cobra.Command {
	o := &statusOptions{rest: restAfter}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which sidecars of a cluster are stale, missed or in trouble",
		Long: `Show which sidecars of a cluster are stale, missed or in trouble: a row for each workload and
sidecar, the worst first. Each pod is compared with what a new one would be given now; no history
is needed. The state is that of the worst pod:
  failing    a container of the sidecar does not run or is not ready; the reason stands beside it
  blocked    it is not current, and a new pod would be refused, or a PodDisruptionBudget
             lets no pod go
  missed     a pod lacks it and asks for it: it was created while the injector could not answer,
             or before somebody asked
  restart    it differs in what only a new pod can have
  in-place   it differs in images, cpu or memory, which can change in the running pod
  unknown    something that may decide about it cannot be read with your rights, or has faults
             while the injector has its last good version in force, or several injectors are
             installed
  opted out  pod or namespace decline it, or nothing asks for it any more
  current    it is what a new pod would get
Pods that neither have sidecars nor ask for any are left out.

Exit code 0, whatever it shows; 1 with --exit-code if a sidecar is neither current nor opted out;
2: the cluster cannot be asked.`,
		Example: `  sidecar-injector status -n shop
  sidecar-injector status -A -o wide
  sidecar-injector status -A --state missed,failing --exit-code`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", outputTable, "table, wide, name, json or yaml")
	flags.StringSliceVar(&o.states, "state", nil, "show `states` only: failing, blocked, missed, restart, in-place, unknown, opted-out, current")
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on, and show each row again that has changed")
	flags.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 if a sidecar that is shown is neither current nor opted out")
	complete(cmd, "output", tableName, outputWide, outputName, outputJSON, outputYAML)
	var names []string
	for _, s := range fleet.States() {
		names = append(names, s.Word())
	}
	complete(cmd, "state", names...)
	return cmd
}

func (o *statusOptions) run(cmd *cobra.Command, std streams) error {
	o.output = cmp.Or(o.output, tableName)
	if err := knownOutput(cmd, o.output, tableName, outputWide, outputName, outputJSON, outputYAML); err != nil {
		return err
	}
	for _, name := range o.states {
		s, err := fleet.ParseState(name)
		if err != nil {
			return &hinted{fmt.Errorf("--state: %w", err), seeHelp(cmd)}
		}
		o.only = append(o.only, s)
	}
	if o.watch && (o.exitCode || o.output == outputJSON || o.output == outputYAML) {
		return &hinted{fmt.Errorf("--watch goes on for ever, and shows rows: it goes with neither --exit-code nor -o json and yaml"), seeHelp(cmd)}
	}
	_, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	if o.watch {
		return o.watching(cmd.Context(), std, report)
	}
	loaded, rows, err := o.rows(cmd.Context(), std)
	if err != nil {
		return o.rights(cmd.Context(), o.unreachable(err), reading())
	}
	rows = slices.DeleteFunc(rows, func(r *fleet.Row) bool { return !o.selected(r) })
	text, err := o.format(rows, true)
	if err != nil {
		return err
	}
	if err := writeOut(std, text); err != nil {
		return err
	}
	if len(rows) == 0 {
		fmt.Fprintln(std.ErrOut, o.none())
	}
	fmt.Fprint(std.ErrOut, loaded.notes(report))
	if o.exitCode && slices.ContainsFunc(rows, func(r *fleet.Row) bool { return r.State > fleet.OptedOut }) {
		return &answerNo{}
	}
	return nil
}

// none returns the message if there are no rows.
func (o *statusOptions) none() string {
	if len(o.only) > 0 {
		return "no sidecar is " + strings.Join(o.states, " or ")
	}
	return "no workload has sidecars, or asks for any"
}

// selected reports whether a row has one of the states of --state.
func (o *statusOptions) selected(r *fleet.Row) bool {
	return len(o.only) == 0 || slices.Contains(o.only, r.State)
}

// rows returns the rows of the selected pods, in whatever state.
func (o *statusOptions) rows(ctx context.Context, std streams) (*loaded, []*fleet.Row, error) {
	defer progress.On(std.ErrOut).Done()
	s, err := o.survey(ctx, std)
	if err != nil {
		return nil, nil, err
	}
	inventory := fleet.NewInventory()
	s.scope.Budgets = live.BudgetsShown
	err = s.reader.Survey(ctx, s.today, s.scope, func(seen *live.Seen) error {
		seen.Standing.Obstruct(&seen.Cover)
		inventory.Add(seen.Workload, seen.Standing)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return s.loaded, inventory.Rows(), nil
}

// restAfter returns how long the watch waits after a list of all pods that took so long: ten times as long, so
// that it takes at most a tenth of the time of the API server, and at least 5 seconds.
func restAfter(took time.Duration) time.Duration { return max(5*time.Second, 10*took) }

// watched are the rows that --watch showed last.
type watched map[string]*fleet.Row

// changed returns the rows to show next: those that differ from what was shown, those that have left the
// states of --state, with their new state, and those that are gone, without pods.
func (o *statusOptions) changed(shown watched, rows []*fleet.Row) (changed []*fleet.Row, now watched) {
	now = watched{}
	gone := maps.Clone(shown)
	for _, r := range rows {
		key := r.Namespace + "/" + r.String() + "/" + r.Instance + "=" + r.Template
		before, was := shown[key]
		delete(gone, key)
		if o.selected(r) {
			now[key] = r
		}
		if was && !reflect.DeepEqual(before, r) || !was && o.selected(r) {
			changed = append(changed, r)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		r := gone[key]
		changed = append(changed, &fleet.Row{Workload: r.Workload, Instance: r.Instance, Template: r.Template})
	}
	return changed, now
}

// outage remembers what --watch said of an API server that does not answer, so that it says each thing once.
type outage struct{ said []string }

// begun returns what to say of an error; "" if it was said already.
func (o *outage) begun(err error) string {
	about, _ := live.Meaning(err)
	about = cmp.Or(about, err.Error()) // without a sentence; with one, the rest may have ports and times
	if slices.Contains(o.said, about) {
		return ""
	}
	o.said = append(o.said, about)
	return fmt.Sprintf("error: %v; trying again\n", withMeaning(err))
}

// over returns what to say of an answer; "" if there was no outage.
func (o *outage) over() string {
	if o.said == nil {
		return ""
	}
	o.said = nil
	return "the cluster can be asked again\n"
}

// watching prints all rows, and then those that changed, until ctx is done.
func (o *statusOptions) watching(ctx context.Context, std streams, report palette) error {
	shown, header, away := watched{}, true, outage{}
	for first := true; ; {
		begun := time.Now()
		loaded, rows, err := o.rows(ctx, std)
		wait := o.rest(time.Since(begun))
		switch {
		case err != nil && first:
			return o.rights(ctx, o.unreachable(err), reading())
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprint(std.ErrOut, report.Printable(away.begun(err)))
			wait = o.rest(0) // the time was spent waiting for an answer, not reading
		default:
			fmt.Fprint(std.ErrOut, away.over())
			var changed []*fleet.Row
			changed, shown = o.changed(shown, rows)
			text, err := o.format(changed, header)
			if err != nil {
				return err
			}
			if err := writeOut(std, text); err != nil {
				return err
			}
			header = header && len(changed) == 0
			if first && header {
				fmt.Fprintln(std.ErrOut, o.none()+", so far")
			}
			if first {
				fmt.Fprint(std.ErrOut, loaded.notes(report))
			}
			first = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (o *statusOptions) format(rows []*fleet.Row, header bool) ([]byte, error) {
	switch o.output {
	case outputJSON, outputYAML:
		return structured(o.output, map[string]any{"sidecars": items(rows)})
	case outputName:
		var b bytes.Buffer
		named := map[fleet.Workload]bool{} // its rows may be of several states, and so apart
		for _, r := range rows {
			if !named[r.Workload] {
				fmt.Fprintln(&b, workloadName(r.Workload))
			}
			named[r.Workload] = true
		}
		return b.Bytes(), nil
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return tableText(o.table(rows), o.output == outputWide, header)
}

func workloadName(w fleet.Workload) string {
	return strings.ToLower(terminal.Shown(w.Kind)) + "/" + terminal.Shown(w.Name)
}

func (o *statusOptions) table(rows []*fleet.Row) *metav1.Table {
	const onlyWide = 1
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Namespace"}, {Name: "Workload"}, {Name: "Sidecar"}, {Name: "State"}, {Name: "Pods"},
		{Name: "Revisions", Priority: onlyWide}, {Name: "Today", Priority: onlyWide}, {Name: "Why"},
	}}
	for _, r := range rows {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			r.Namespace, workloadName(r.Workload), sidecarName(r), stateName(r), podCount(r), revisions(r), today(r), cmp.Or(o.cut(r.Why), none),
		}})
	}
	return table
}

// stateName returns the state of a row; a row without pods is one that --watch showed before.
func stateName(r *fleet.Row) string {
	if r.Pods == 0 {
		return "gone"
	}
	return r.State.String()
}

// sidecarName returns the instance's name, followed by the template's if that differs and by a mark for a
// canary.
func sidecarName(r *fleet.Row) string {
	name := terminal.Shown(r.Instance)
	switch {
	case r.Instance == "":
		return none
	case r.Instance != r.Template:
		name += "=" + terminal.Shown(r.Template)
	}
	if r.Canary != "" {
		name += " (canary)"
	}
	return name
}

// today returns the revision that new pods get, and the canary's name.
func today(r *fleet.Row) string {
	if r.Canary != "" {
		return revisionName(r.Today) + " (" + terminal.Shown(r.Canary) + ")"
	}
	return revisionName(r.Today)
}

func revisionName(revision string) string {
	if revision == "" {
		return none
	}
	return terminal.Shown(revision)
}

// cut shortens a sentence to fit a terminal, except in the wide format.
func (o *statusOptions) cut(text string) string {
	if o.output == outputWide {
		return text
	}
	return terminal.Cut(text)
}

// podCount returns the number of pods, or n/total if only n of them are in the row's state.
func podCount(r *fleet.Row) string {
	if n := r.States[r.State.String()]; n < r.Pods {
		return fmt.Sprintf("%d/%d", n, r.Pods)
	}
	return fmt.Sprint(r.Pods)
}

// revisions returns the revisions of the pods, with the number of pods of each if there are several.
func revisions(r *fleet.Row) string {
	var all []string
	for _, revision := range slices.Sorted(maps.Keys(r.Revisions)) {
		text := revisionName(revision)
		if len(r.Revisions) > 1 {
			text += fmt.Sprintf(" (%d)", r.Revisions[revision])
		}
		all = append(all, text)
	}
	return strings.Join(all, ",")
}
