package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

const (
	defaultTimeout    = 5 * time.Minute
	defaultCanaryWait = 5 * time.Minute
)

func (o *changeOptions) add(cmd *cobra.Command) {
	o.fleetFlags.add(cmd)
	flags := cmd.Flags()
	_ = flags.MarkHidden("template-dir") // it is refused, and told why; it fails only for a flag that does not exist
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the plan, and change nothing")
	flags.StringVarP(&o.output, "output", "o", outputTable, "table, wide, json or yaml")
	flags.IntVar(&o.limits.MaxUnavailable, "max-unavailable", 1, "`number` of pods of a workload that are away at once; a workload's own rollout has a limit of its own")
	flags.DurationVar(&o.limits.Timeout, "timeout", defaultTimeout, "`duration` that a pod may take to be ready again, and a budget to let one go")
	complete(cmd, "output", tableName, outputWide, outputJSON, outputYAML)
}

// checkFlags checks the flags, and returns the canary that they ask for.
func (o *changeOptions) checkFlags(cmd *cobra.Command) (fleet.Canary, error) {
	o.output = cmp.Or(o.output, tableName)
	if err := knownOutput(cmd, o.output, tableName, outputWide, outputJSON, outputYAML); err != nil {
		return fleet.Canary{}, err
	}
	if o.limits.MaxUnavailable < 1 || o.limits.MaxWorkloads < 1 || o.limits.Timeout <= 0 || o.limits.Wait < 0 {
		return fleet.Canary{}, &hinted{errors.New("--max-unavailable and --max-workloads want a number from 1, --timeout and --canary-wait a duration"), seeHelp(cmd)}
	}
	if !cmd.Flags().Changed("canary") {
		if cmd.Flags().Changed("canary-wait") {
			return fleet.Canary{}, &hinted{errors.New("--canary-wait: there are no canaries to wait for"), "say which, as in --canary 10%"}
		}
		return fleet.Canary{}, nil
	}
	canary, err := fleet.ParseCanary(o.canary)
	if err != nil {
		return canary, &hinted{fmt.Errorf("--canary: %w", err), seeHelp(cmd)}
	}
	return canary, nil
}

func (o *changeOptions) run(cmd *cobra.Command, std streams) error {
	canary, err := o.checkFlags(cmd)
	if err != nil {
		return err
	}
	_, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	unplanned := func(err error) error {
		if ctx.Err() != nil {
			return verdict(nil, nil, ctx.Err())
		}
		return o.rights(ctx, o.unreachable(err), changing(o.repairs))
	}
	s, err := o.survey(ctx, std)
	if err != nil {
		return unplanned(err)
	}
	if err := o.inForce(s); err != nil {
		return err
	}
	runner := o.runner(ctx, s, std, report)
	runner.Canary = canary
	gathering := fleet.NewGathering(o.repairs, canary)
	steps, lacks := o.plan(ctx, s, runner, gathering)
	if errors.Is(lacks, errTemplatesChanged) {
		return verdict(nil, nil, lacks)
	}
	if steps == nil && lacks != nil {
		return unplanned(lacks)
	}
	if !gathering.Canaries(steps) {
		return &hinted{fmt.Errorf("--canary %s: no workload in that namespace has sidecars, among those looked at", o.canary), "sidecar-injector status -n " + o.canary + " shows what it has; without -A one namespace is looked at"}
	}
	progress.On(std.ErrOut).Done()
	fmt.Fprint(std.ErrOut, s.notes(report))
	if len(steps) == 0 {
		fmt.Fprintln(std.ErrOut, "nothing is to do")
	}
	if o.dryRun {
		return cmp.Or(o.print(std, "steps", items(steps), planTable(steps)), o.rights(ctx, lacks, changing(o.repairs)))
	}
	outcomes, err := runner.Run(ctx, steps)
	if printed := o.print(std, "workloads", items(outcomes), outcomeTable(outcomes)); printed != nil {
		return printed
	}
	return o.rights(ctx, verdict(outcomes, steps, cmp.Or(err, lacks)), changing(o.repairs))
}

// print writes a plan or the outcomes of one: in JSON and YAML rows under the key name, else t.
func (o *changeOptions) print(std streams, name string, rows any, t *metav1.Table) error {
	if o.output == outputJSON || o.output == outputYAML {
		return writeStructured(std, o.output, map[string]any{name: rows})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	if last := len(t.ColumnDefinitions) - 1; o.output == tableName {
		for _, r := range t.Rows {
			r.Cells[last] = terminal.Cut(fmt.Sprint(r.Cells[last]))
		}
	}
	text, err := tableText(t, o.output == outputWide, true)
	if err != nil {
		return err
	}
	return writeOut(std, text)
}

func planTable(steps []fleet.Step) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Order"}, {Name: "Namespace"}, {Name: "Workload"}, {Name: "How"}, {Name: "Pods"}, {Name: "Budgets"}, {Name: "Why"},
	}}
	for n, s := range steps {
		order := fmt.Sprint(n + 1)
		if s.Canary {
			order += " canary"
		}
		t.Rows = append(t.Rows, metav1.TableRow{Cells: []any{order, s.Namespace, workloadName(s.Workload), string(s.How), len(s.Pods), cmp.Or(strings.Join(s.Budgets, ","), none), cmp.Or(s.Why, none)}})
	}
	return t
}

func outcomeTable(outcomes []rollout.Outcome) *metav1.Table {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Namespace"}, {Name: "Workload"}, {Name: "How"}, {Name: "Done"}, {Name: "Seconds"}, {Name: "Left"},
	}}
	for _, o := range outcomes {
		t.Rows = append(t.Rows, metav1.TableRow{Cells: []any{o.Namespace, workloadName(o.Workload), string(o.How), fmt.Sprintf("%d/%d", o.Done, len(o.Pods)), fmt.Sprintf("%.0f", o.Seconds), cmp.Or(o.Left, none)}})
	}
	return t
}

// verdict returns the error that determines the exit code of a plan's steps. A workload may have several of
// them, and counts once.
func verdict(outcomes []rollout.Outcome, steps []fleet.Step, err error) error {
	done, left, untouched := 0, map[fleet.Workload]bool{}, map[fleet.Workload]bool{}
	for _, s := range steps {
		untouched[s.Workload] = true
	}
	for _, o := range outcomes {
		done += o.Done
		delete(untouched, o.Workload)
		if o.Left != "" {
			left[o.Workload] = true
		}
	}
	trouble, so := (*rollout.TroubleError)(nil), fmt.Sprintf("%d pods are done", done)
	if done == 1 {
		so = "1 pod is done"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &answerNo{&hinted{fmt.Errorf("interrupted: %s, and none is half done", so), "run it again, and it goes on"}}
	case errors.As(err, &trouble):
		return &answerNo{&hinted{fmt.Errorf("stopped: %w; %s, %s left untouched", err, so, terminal.Plural(len(untouched), "workload")),
			"sidecar-injector explain " + terminal.ShellWord(trouble.Workload.String()) + " -n " + terminal.ShellWord(trouble.Workload.Namespace) + " says more; mend it and run this again, and it goes on"}}
	case errors.Is(err, errTemplatesChanged):
		return &answerNo{&hinted{fmt.Errorf("stopped: %w; %s, and none is half done", err, so), "run it again, and it goes on with what is in force now"}}
	case err != nil:
		err = fmt.Errorf("%w; %s; run it again, and it goes on", err, so)
		if sentence, advice := live.Meaning(err); sentence != "" {
			return &hinted{err, sentence + ": " + advice}
		}
		return err
	case len(left) > 0:
		return &answerNo{fmt.Errorf("%s left, for the reason beside each", terminal.Plural(len(left), "workload"))}
	}
	return nil
}

// inForce returns an error if there is no injector, or for templates of the flags: pods are brought to what
// the cluster's injector makes.
func (o *changeOptions) inForce(s *surveyed) error {
	switch {
	case s.absent:
		return &hinted{errors.New("no injector is installed in this cluster, and pods are brought to what it makes of them"), "sidecar-injector check says more"}
	case len(o.templateDirs) > 0:
		return &hinted{errors.New("--template-dir: pods are brought to what the cluster's injector makes of them, and it has templates of its own"), "apply them to the cluster first; status takes them as they are"}
	}
	return nil
}

func (o *changeOptions) runner(ctx context.Context, s *surveyed, std streams, report palette) *rollout.Runner {
	known := map[string]inject.Namespace{}
	for _, n := range s.scope.Namespaces {
		known[n.Name] = n
	}
	fresh := &freshness{ctx: ctx, reader: s.reader, patience: o.limits.Timeout}
	return &rollout.Runner{
		Client: s.reader.Client(), Limits: o.limits, Repairs: o.repairs,
		Judge: func(namespace string, pod []byte) (*fleet.Standing, error) {
			if err := fresh.namespace(known[namespace]); err != nil {
				return nil, err
			}
			return s.today.Judge(known[namespace], pod)
		},
		Halt: fresh.check,
		Tell: func(w fleet.Workload, text string) {
			fmt.Fprint(std.ErrOut, report.Printable(fmt.Sprintf("%s %s: %s\n", time.Now().Format(time.TimeOnly), report.Bold(w.Namespace+" "+workloadName(w)), text)))
		},
	}
}

// plan surveys the pods and returns what is to be done with each workload. It may return both steps and an
// error: the permissions that some of the steps lack.
func (o *changeOptions) plan(ctx context.Context, s *surveyed, runner *rollout.Runner, gathering *fleet.Gathering) ([]fleet.Step, error) {
	s.scope.Budgets, s.scope.Owners = live.BudgetsFor(!o.dryRun && !o.repairs), true
	err := s.reader.Survey(ctx, s.today, s.scope, func(seen *live.Seen) error {
		gathering.Add(seen.Workload, seen.Pod.Name, string(seen.Pod.UID), seen.Standing, seen.Cover)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return runner.Plan(ctx, gathering)
}
