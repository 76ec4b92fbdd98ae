package main

import (
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
	write, ok := map[string]func(*loaded, []offline.Answer) ([]byte, error){
		outputYAML:  (*loaded).YAML,
		outputJSON:  (*loaded).JSON,
		outputPatch: only((*offline.Answer).Patch),
		outputPod:   only((*offline.Answer).PodYAML),
	}[o.output]
	if !ok {
		return &hinted{fmt.Errorf("-o %q: want %s, %s, %s or %s", o.output, outputYAML, outputJSON, outputPatch, outputPod), seeHelp(cmd)}
	}
	_, colors, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.load(std)
	if err != nil {
		return err
	}
	answers, err := loaded.Answers()
	refused := offline.Refusals(answers)
	if err != nil {
		return errors.Join(append(refused, err)...)
	}
	if len(refused) > 0 {
		rights, err := loaded.rights(cmd.Context(), answers, colors)
		if err != nil {
			return err
		}
		fmt.Fprint(std.ErrOut, offline.Warnings(answers, colors), rights, loaded.Mentions(colors))
		return &answerNo{errors.Join(refused...)}
	}
	text, err := write(loaded, answers)
	if err != nil {
		return err
	}
	if err := writeOut(std, text); err != nil {
		return err
	}
	rights, err := loaded.rights(cmd.Context(), answers, colors)
	if err != nil {
		return err
	}
	fmt.Fprint(std.ErrOut, offline.Report(answers, colors), offline.Warnings(answers, colors), rights, loaded.Mentions(colors))
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
