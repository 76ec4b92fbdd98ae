package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	offlineFlags
	selectorFlags
	output string
}

func newExplainCommand(std streams) *cobra.Command {
	o := &explainOptions{}
	cmd := &cobra.Command{
		Use:   "explain (-f FILE | KIND/NAME... | REASON)",
		Short: "Say why a pod has the containers that it has, or what a reason means",
		Long: `Say why READY says 3/3: each container of a pod, whose it is, which template and
revision it came from, who asked for it and with which parameters. For a pod without
sidecars: the first rule that said no, and what mends it.

It answers for manifests that inject has not seen yet, for its output, and for pods
and workloads of a cluster, which it reads with your own rights. If a pod exists without
a sidecar that it asks for, it says why that can be, what the pod would get today, and
which command mends it; of a sidecar that is not well it shows the last line of its log. Of a
workload it says which revisions its pods have. With a
reason, such as UnknownTemplate, it says what that means, where it comes from, and
what to do. With -f, or a reason, it reads no cluster.

Exit code 1: a pod would be refused; 2: something cannot be read.`,
		Example: `  sidecar-injector explain -f deployment.yaml
  sidecar-injector explain pod/grafana-656c669c85-49r55 -n monitoring
  sidecar-injector explain deploy -l app=grafana
  sidecar-injector explain NeverCompletes`,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, std) },
		ValidArgsFunction: o.completeExplain,
	}
	o.offlineFlags.add(cmd)
	o.selectorFlags.add(cmd)
	cmd.Args = cobra.ArbitraryArgs
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, json or yaml")
	complete(cmd, "output", outputText, outputJSON, outputYAML)
	return cmd
}

func (o *explainOptions) run(cmd *cobra.Command, args []string, std streams) error {
	if err := knownOutput(cmd, o.output, outputText, outputJSON, outputYAML); err != nil {
		return err
	}
	switch {
	case len(args) > 0 && len(o.names) > 0:
		return &hinted{errors.New("explain takes either -f, or objects of a cluster, or a reason"), seeHelp(cmd)}
	case len(args) > 0 && !o.asked(args):
		return o.explainReason(args[0], std)
	}
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.loadFor(cmd.Context(), args, &o.selectorFlags, std)
	if err != nil {
		return err
	}
	answers, err := loaded.Answers()
	if err != nil {
		return err
	}
	if err := o.addOwners(answers); err != nil {
		return err
	}
	if len(answers) == 0 {
		fmt.Fprint(std.ErrOut, loaded.Mentions(report))
		return &hinted{errors.New("the input holds no pod and no workload"), "give a Pod, or something that makes pods, such as a Deployment"}
	}
	explanations, err := loaded.explain(cmd.Context(), answers)
	if err != nil {
		return err
	}
	text, err := o.format(explanations, out)
	if err != nil {
		return err
	}
	if err := writeOut(std, text); err != nil {
		return err
	}
	fmt.Fprint(std.ErrOut, loaded.notes(report))
	if o.output != outputText { // the text includes them
		fmt.Fprint(std.ErrOut, offline.Warnings(answers, report))
	}
	fmt.Fprint(std.ErrOut, loaded.Mentions(report))
	for i := range answers {
		if answers[i].Result.Outcome == inject.Refused && len(answers[i].Doubts) == 0 {
			return &answerNo{}
		}
	}
	return offline.Unknown(answers)
}

// explain explains every pod of the input, with the permissions that its sidecars lack.
func (l *loaded) explain(ctx context.Context, answers []offline.Answer) ([]*explain.Explanation, error) {
	all := make([]*explain.Explanation, len(answers))
	for i := range answers {
		var err error
		if all[i], err = explain.New(&answers[i]); err != nil {
			return nil, err
		}
	}
	if l.reader != nil {
		return all, l.complete(ctx, answers, all)
	}
	given := l.givenRights()
	for i := range all {
		lacks, err := l.lacks(ctx, given, &answers[i])
		if err != nil {
			return nil, err
		}
		for _, lack := range lacks { // what is uncertain is part of the sidecar's text
			if lack.sure {
				all[i].AddMissingAccess(lack.text)
			}
		}
		if len(lacks) == 0 {
			all[i].RightsAreGiven()
		}
	}
	return all, nil
}

// complete adds to the explanations what only the cluster knows.
func (l *loaded) complete(ctx context.Context, answers []offline.Answer, all []*explain.Explanation) error {
	today, err := l.judge(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if err := l.reader.Complete(ctx, today, &answers[i], all[i]); err != nil {
			return err
		}
		if l.absent {
			all[i].InstallFirst()
		}
	}
	return nil
}

func (o *explainOptions) format(explanations []*explain.Explanation, p palette) ([]byte, error) {
	if o.output == outputText {
		parts := make([]string, len(explanations))
		for i, e := range explanations {
			parts[i] = e.Text(p)
		}
		return []byte(strings.Join(parts, "\n")), nil
	}
	return structured(o.output, map[string]any{"workloads": explanations})
}

// explainReason prints what the reason of that name means.
func (o *explainOptions) explainReason(name string, std streams) error {
	found := explain.Reasons(name)
	if len(found) == 0 {
		hint := "the reasons are " + strings.Join(explain.ReasonNames(), ", ")
		if near := explain.NearestReason(name); near != "" {
			hint = "did you mean " + near + "?"
		}
		return &hinted{fmt.Errorf("reason %s does not exist", message.Quote(name)), hint}
	}
	out, _, err := o.palettes(std)
	if err != nil {
		return err
	}
	if o.output == outputText {
		return writeOut(std, []byte(explain.ReasonsText(found, out)))
	}
	var value any = found
	if len(found) == 1 {
		value = found[0]
	}
	return writeStructured(std, o.output, value)
}
