package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/rollout"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// changeOptions are the flags of rollout and repair.
type changeOptions struct {
	fleetFlags
	output string
	dryRun bool
	canary string
	limits rollout.Limits

	repairs bool
}

// due says whether the command is there for a sidecar as it stands.
func (o *changeOptions) due(i *fleet.Instance) bool {
	switch i.State {
	case fleet.InPlace, fleet.Restart:
		return !o.repairs
	case fleet.Missed:
		return o.repairs
	case fleet.Blocked:
		return o.repairs == (i.Revision == "")
	}
	return false
}

const (
	defaultTimeout    = 5 * time.Minute
	defaultCanaryWait = 5 * time.Minute
)

func (o *changeOptions) add(cmd *cobra.Command) {
	o.fleetFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the plan, and change nothing")
	flags.StringVarP(&o.output, "output", "o", outputTable, "table, wide, json or yaml")
	flags.IntVar(&o.limits.MaxUnavailable, "max-unavailable", 1, "`number` of pods of a workload that are away at once; a workload's own rollout has its own")
	flags.DurationVar(&o.limits.Timeout, "timeout", defaultTimeout, "`duration` that a pod may take to be ready again, and a budget to let one go")
	complete(cmd, "output", outputTable, outputWide, outputJSON, outputYAML)
}

func (o *changeOptions) run(cmd *cobra.Command, std streams) error {
	if o.output == tableName {
		o.output = outputTable
	}
	if !slices.Contains([]string{outputTable, outputWide, outputJSON, outputYAML}, o.output) {
		return &hinted{fmt.Errorf("-o %q: want table, wide, json or yaml", o.output), seeHelp(cmd)}
	}
	if o.limits.MaxUnavailable < 1 || o.limits.MaxWorkloads < 1 || o.limits.Timeout <= 0 || o.limits.Wait < 0 {
		return &hinted{errors.New("--max-unavailable and --max-workloads want a number from 1, --timeout and --canary-wait a duration"), seeHelp(cmd)}
	}
	canary := fleet.Canary{}
	if o.canary != "" {
		var err error
		if canary, err = fleet.ParseCanary(o.canary); err != nil {
			return &hinted{fmt.Errorf("--canary: %w", err), seeHelp(cmd)}
		}
	}
	_, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := o.survey(ctx, std)
	if err != nil {
		return o.unreachable(err)
	}
	runner := o.runner(s, std, report)
	steps, err := o.plan(ctx, s, runner, canary)
	if err != nil {
		return rights(o.unreachable(err))
	}
	progress.On(std.ErrOut).Done()
	fmt.Fprint(std.ErrOut, s.notes(report))
	if len(steps) == 0 {
		fmt.Fprintln(std.ErrOut, "nothing is to do")
	}
	if o.dryRun {
		return o.print(std, steps, planTable, "steps")
	}
	outcomes, err := runner.Run(ctx, steps)
	if printed := o.print(std, outcomes, outcomeTable, "workloads"); printed != nil {
		return printed
	}
	return verdict(outcomes, len(steps), err)
}

// print writes a plan or what became of it.
func (o *changeOptions) print(std streams, rows any, table func(any) *metav1.Table, name string) error {
	if o.output == outputJSON || o.output == outputYAML {
		text, err := structured(o.output, map[string]any{name: rows})
		if err != nil {
			return err
		}
		return writeOut(std, text)
	}
	t := table(rows)
	if len(t.Rows) == 0 {
		return nil
	}
	if last := len(t.ColumnDefinitions) - 1; o.output == outputTable {
		for _, r := range t.Rows {
			r.Cells[last] = terminal.Cut(fmt.Sprint(r.Cells[last]))
		}
	}
	var b bytes.Buffer
	if err := printers.NewTablePrinter(printers.PrintOptions{Wide: o.output == outputWide}).PrintObj(t, &b); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return writeOut(std, []byte(palette{}.Printable(b.String())))
}

func planTable(rows any) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Order"}, {Name: "Namespace"}, {Name: "Workload"}, {Name: "How"}, {Name: "Pods"}, {Name: "Budgets"}, {Name: "Why"},
	}}
	for n, s := range rows.([]fleet.Step) {
		order := fmt.Sprint(n + 1)
		if s.Canary {
			order += " canary"
		}
		t.Rows = append(t.Rows, metav1.TableRow{Cells: []any{order, s.Namespace, workloadName(s.Workload), string(s.How), len(s.Pods), orNone(strings.Join(s.Budgets, ",")), orNone(s.Why)}})
	}
	return t
}

func outcomeTable(rows any) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Namespace"}, {Name: "Workload"}, {Name: "How"}, {Name: "Done"}, {Name: "Seconds"}, {Name: "Left"},
	}}
	for _, o := range rows.([]rollout.Outcome) {
		t.Rows = append(t.Rows, metav1.TableRow{Cells: []any{o.Namespace, workloadName(o.Workload), string(o.How), fmt.Sprintf("%d/%d", o.Done, len(o.Pods)), fmt.Sprintf("%.0f", o.Seconds), orNone(o.Left)}})
	}
	return t
}

// verdict is what the exit code says.
func verdict(outcomes []rollout.Outcome, steps int, err error) error {
	done, left := 0, 0
	for _, o := range outcomes {
		done += o.Done
		if o.Left != "" {
			left++
		}
	}
	trouble := (*rollout.TroubleError)(nil)
	switch {
	case errors.Is(err, context.Canceled):
		return &answerNo{&hinted{fmt.Errorf("interrupted: %d pods are done, and none is half done", done), "run it again, and it goes on"}}
	case errors.As(err, &trouble):
		return &answerNo{&hinted{fmt.Errorf("stopped: %w; %d pods are done, %s left as they were", err, done, terminal.Plural(steps-len(outcomes), "workload")),
			"sidecar-injector explain " + terminal.ShellWord(trouble.Workload.String()) + " -n " + terminal.ShellWord(trouble.Workload.Namespace) + " says more; mend it and run this again, and it goes on"}}
	case err != nil:
		return rights(fmt.Errorf("%w; %d pods are done; run it again, and it goes on", err, done))
	case left > 0:
		return &answerNo{fmt.Errorf("%s left, for the reason beside each", terminal.Plural(left, "workload"))}
	}
	return nil
}

// rights adds to an error for want of a right what gives it.
func rights(err error) error {
	denied := (*rollout.DeniedError)(nil)
	if !errors.As(err, &denied) {
		return err
	}
	return &hinted{err, fmt.Sprintf("somebody who may can give it: kubectl create role sidecar-rollout -n %[1]s --verb=%[2]s --resource=%[3]s; "+
		"kubectl create rolebinding sidecar-rollout -n %[1]s --role=sidecar-rollout --user=YOU; all rights that this takes are in docs/security.md",
		denied.Namespace, denied.Verb, resourceName(denied.Resource))}
}

// resourceName is a resource as kubectl create role wants it.
func resourceName(resource string) string {
	switch resource {
	case "deployments", "statefulsets", "daemonsets", "replicasets":
		return resource + ".apps"
	case "poddisruptionbudgets":
		return resource + ".policy"
	}
	return resource
}

func (o *changeOptions) runner(s *surveyed, std streams, report palette) *rollout.Runner {
	known := map[string]inject.Namespace{}
	for _, n := range s.scope.Namespaces {
		known[n.Name] = n
	}
	return &rollout.Runner{
		Client: s.reader.Client(), Limits: o.limits, Repairs: o.repairs,
		Judge: func(namespace string, pod []byte) (*fleet.Standing, error) {
			return s.today.Judge(known[namespace], pod)
		},
		Tell: func(w fleet.Workload, text string) {
			fmt.Fprint(std.ErrOut, report.Printable(fmt.Sprintf("%s %s: %s\n", time.Now().Format(time.TimeOnly), report.Bold(w.Namespace+" "+workloadName(w)), text)))
		},
	}
}

// plan finds the pods that the command is there for, and what to do with each workload. What would
// take pods away is tried first: owners are asked, and a pod is created by dry run.
func (o *changeOptions) plan(ctx context.Context, s *surveyed, runner *rollout.Runner, canary fleet.Canary) ([]fleet.Step, error) {
	byWorkload := map[fleet.Workload]*fleet.Candidate{}
	var candidates []*fleet.Candidate
	var blocked []fleet.Step
	err := s.reader.Survey(ctx, s.today, s.scope, func(seen *live.Seen) error {
		never := slices.DeleteFunc(slices.Clone(seen.Budgets), func(b *fleet.Budget) bool { return b.Room > 0 })
		for _, b := range never {
			b.Allowed = 0
		}
		seen.Standing.Obstruct(never)
		target, why := o.target(seen)
		switch {
		case target == nil:
			return nil
		case target.State == fleet.Blocked:
			i := slices.IndexFunc(blocked, func(b fleet.Step) bool { return b.Workload == seen.Workload })
			if i < 0 {
				blocked = append(blocked, fleet.Step{Workload: seen.Workload, How: fleet.Left, Why: why})
				i = len(blocked) - 1
			}
			blocked[i].Pods = append(blocked[i].Pods, target.Name)
			return nil
		}
		c := byWorkload[seen.Workload]
		if c == nil {
			c = &fleet.Candidate{Workload: seen.Workload, Why: why}
			byWorkload[seen.Workload], candidates = c, append(candidates, c)
		}
		c.Pods = append(c.Pods, *target)
		for _, b := range seen.Budgets {
			if !slices.Contains(c.Budgets, b) {
				c.Budgets = append(c.Budgets, b)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	for _, c := range candidates {
		if err := o.owner(ctx, runner, c); err != nil {
			return nil, err
		}
	}
	return append(fleet.Plan(candidates, canary), blocked...), nil
}

// owner asks what a workload does about its pods, and tries one.
func (o *changeOptions) owner(ctx context.Context, runner *rollout.Runner, c *fleet.Candidate) error {
	anew := slices.DeleteFunc(slices.Clone(c.Pods), func(t fleet.Target) bool { return t.State == fleet.InPlace })
	if len(anew) == 0 {
		return nil
	}
	var err error
	if c.Owner, err = runner.Owner(ctx, c.Workload); err != nil || !c.Owner.Replaces {
		return err
	}
	c.Owner.Renews = c.Owner.Renews && !o.repairs
	left := (*rollout.LeftError)(nil)
	if err := runner.Try(ctx, c.Workload, anew); errors.As(err, &left) {
		c.Owner = fleet.Owner{Why: left.Message}
	} else if err != nil {
		return err
	}
	return nil
}

// target is a pod that the command is there for; nil if it is not. A pod whose sidecars need
// different things gets what the worst of them needs.
func (o *changeOptions) target(seen *live.Seen) (*fleet.Target, string) {
	t, why, found := &fleet.Target{Name: seen.Pod.Name, UID: string(seen.Pod.UID), Wants: map[string]string{}}, "", false
	for n := range seen.Standing.Instances {
		i := &seen.Standing.Instances[n]
		switch i.State {
		case fleet.Current, fleet.InPlace, fleet.Restart, fleet.Missed:
			t.Wants[i.Name] = i.Today
		}
		t.Stops = t.Stops || i.Stops()
		if o.due(i) && (!found || i.State > t.State) {
			t.State, why, found = i.State, i.Why, true
		}
	}
	if !found {
		return nil, ""
	}
	return t, why
}
