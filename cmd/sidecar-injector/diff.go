package main

import (
	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/diff"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
)

// diffOptions are the flags of diff.
type diffOptions struct {
	offlineFlags
	selectorFlags
}

func newDiffCommand(std streams) *cobra.Command {
	o := &diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff (-f FILE | KIND/NAME...)",
		Short: "Show what inject would change",
		Long: `Show what inject would change, as a unified diff. Values of Secrets are masked.

With objects of a cluster, it shows what the injector would add if they were created
now; it reads them with your own rights. With -f it reads no cluster.

Exit code 0: nothing changes; 1: something does, or a pod is refused; 2: something
cannot be read.`,
		Example: `  sidecar-injector diff -f deployment.yaml
  sidecar-injector diff deploy/web -n shop`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, std) },

		ValidArgsFunction: o.completeObjects,
	}
	o.offlineFlags.add(cmd)
	o.selectorFlags.add(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if o.asked(args) {
			return nil
		}
		return noArguments(cmd, args)
	}
	return cmd
}

func (o *diffOptions) run(cmd *cobra.Command, args []string, std streams) error {
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.loadFor(cmd.Context(), args, &o.selectorFlags, std)
	if err != nil {
		return err
	}
	text := ""
	err = loaded.print(cmd.Context(), std, report, func(answers []offline.Answer) ([]byte, error) {
		if err := offline.Unknown(answers); err != nil {
			return nil, err
		}
		documents, err := loaded.Edit(answers)
		if err != nil {
			return nil, err
		}
		text, err = diff.Text(documents, nil)
		return []byte(diff.Color(text, out)), err
	})
	if err == nil && text != "" {
		return &answerNo{}
	}
	return err
}
