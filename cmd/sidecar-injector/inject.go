package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
)

// injectOptions are the flags of inject.
type injectOptions struct {
	offlineFlags
	output string
}

// Further output formats of inject.
const (
	outputPatch = "patch"
	outputPod   = "pod"
)

func newInjectCommand(std streams) *cobra.Command {
	o := &injectOptions{}
	cmd := &cobra.Command{
		Use:   "inject -f FILE",
		Short: "Print manifests with their sidecars",
		Long: `Print manifests with their sidecars, as the webhook would make their pods.

Pods and the pod templates of workloads get what their annotations ask for; everything
else passes through unchanged, with its comments and its layout. A namespace counts
as enabled unless a Namespace among the manifests, or --namespace-file, gives it.

If any document is at fault, nothing is printed. Exit code 1: a pod is refused;
2: something cannot be read.`,
		Example: `  sidecar-injector inject -f deployment.yaml | kubectl apply -f -
  helm template grafana grafana/grafana | sidecar-injector inject -f - -n monitoring
  sidecar-injector inject -f pod.yaml -o patch`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", outputYAML,
		"yaml; json; patch: the RFC 6902 patch of one workload's document; pod: one workload's pod")
	complete(cmd, "output", outputYAML, outputJSON, outputPatch, outputPod)
	return cmd
}

func (o *injectOptions) run(cmd *cobra.Command, std streams) error {
	if err := knownOutput(cmd, o.output, outputYAML, outputJSON, outputPatch, outputPod); err != nil {
		return err
	}
	write := map[string]func(*loaded, []offline.Answer) ([]byte, error){
		outputYAML:  (*loaded).YAML,
		outputJSON:  (*loaded).JSON,
		outputPatch: only((*offline.Answer).Patch),
		outputPod:   only((*offline.Answer).PodYAML),
	}[o.output]
	_, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.load(std)
	if err != nil {
		return err
	}
	return loaded.print(cmd.Context(), std, report, func(answers []offline.Answer) ([]byte, error) { return write(loaded, answers) })
}

// print decides on the pods, writes the text that write returns for the decisions, and reports on them. If a
// pod is refused, nothing is written, and the error is an *answerNo with all refusals.
func (l *loaded) print(ctx context.Context, std streams, report palette, write func([]offline.Answer) ([]byte, error)) error {
	answers, err := l.Answers()
	refused := offline.Refusals(answers)
	if err != nil {
		return errors.Join(append(refused, err)...)
	}
	summary, notes := "", ""
	if len(refused) == 0 {
		text, err := write(answers)
		if err != nil {
			return err
		}
		if err := writeOut(std, text); err != nil {
			return err
		}
		summary, notes = offline.Report(answers, report), l.notes(report)
	}
	rights, err := l.rights(ctx, answers, report)
	if err != nil {
		return err
	}
	fmt.Fprint(std.ErrOut, summary, offline.Warnings(answers, report), rights, l.Mentions(report), notes)
	if len(refused) > 0 {
		return &answerNo{errors.Join(refused...)}
	}
	return nil
}

// only returns a function that prints the only workload of the input, for -o patch and -o pod.
func only(write func(*offline.Answer) ([]byte, error)) func(*loaded, []offline.Answer) ([]byte, error) {
	return func(_ *loaded, answers []offline.Answer) ([]byte, error) {
		switch len(answers) {
		case 1:
			return write(&answers[0])
		case 0:
			return nil, errors.New("the input holds no pod and no workload")
		}
		return nil, &hinted{fmt.Errorf("the input holds %d workloads, and this form of output is for one", len(answers)), "give one at a time, or use -o yaml or -o json"}
	}
}
