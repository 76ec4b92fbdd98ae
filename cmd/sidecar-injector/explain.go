package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	offlineFlags
	selectorFlags
	output string
}

const outputText = "text"

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

Exit code 1: a pod would be refused.`,
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
	switch {
	case o.output != outputText && o.output != outputJSON && o.output != outputYAML:
		return &hinted{fmt.Errorf("-o %q: want %s, %s or %s", o.output, outputText, outputJSON, outputYAML), seeHelp(cmd)}
	case len(args) > 0 && len(o.names) > 0:
		return &hinted{errors.New("explain takes either -f, or objects of a cluster, or a reason"), seeHelp(cmd)}
	case len(args) > 0 && !o.asked(args):
		return o.explainReason(args, std)
	}
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.loadFor(cmd.Context(), args, &o.selectorFlags, std)
	if err != nil {
		return err
	}
	answers, err := loaded.answers()
	if err != nil {
		return err
	}
	if err := o.addOwners(answers); err != nil {
		return err
	}
	if len(answers) == 0 {
		return &hinted{errors.New("the input holds no pod and no workload"), "give a Pod, or something that makes pods, such as a Deployment"}
	}
	explanations, err := explainAll(answers)
	if err != nil {
		return err
	}
	if err := loaded.addPods(cmd.Context(), answers, explanations); err != nil {
		return err
	}
	if err := loaded.addMissingAccess(cmd.Context(), answers, explanations); err != nil {
		return err
	}
	loaded.addLogs(cmd.Context(), explanations)
	text, err := o.format(explanations, out)
	if err != nil {
		return err
	}
	if _, err := std.Out.Write(text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprint(std.ErrOut, loaded.notes(report))
	if o.output != outputText { // the text has them in their places
		fmt.Fprint(std.ErrOut, warningLines(answers, report))
	}
	for i := range answers {
		if answers[i].result.Outcome == inject.Refused && len(answers[i].doubts) == 0 {
			return &answerNo{}
		}
	}
	return unknown(answers)
}

// explainAll explains every pod of the input.
func explainAll(answers []answer) ([]*explanation, error) {
	pods, err := injectedPods(answers)
	if err != nil {
		return nil, err
	}
	all := make([]*explanation, len(answers))
	for i := range answers {
		if all[i], err = explain(&answers[i], pods[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (o *explainOptions) format(explanations []*explanation, p palette) ([]byte, error) {
	if o.output == outputText {
		parts := make([]string, len(explanations))
		for i, e := range explanations {
			parts[i] = explanationText(e, p)
		}
		return []byte(strings.Join(parts, "\n")), nil
	}
	return structured(o.output, map[string]any{"workloads": explanations})
}

// structured prints a value as JSON or YAML.
func structured(output string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if output == outputYAML {
		return manifest.YAML(text)
	}
	return indented(text)
}
