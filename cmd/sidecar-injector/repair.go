package main

import "github.com/spf13/cobra"

func newRepairCommand(std streams) *cobra.Command {
	o := &changeOptions{repairs: true}
	o.limits.MaxWorkloads = 1
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Replace pods that were created without the sidecar that they ask for",
		Long: `Evict the pods that status shows as missed, so that their controllers make new ones, which the
injector sees. PodDisruptionBudgets are respected. Before that a pod of the workload is created by
dry run: it has to come back with its sidecars. Pods that nobody would make again are left. No
workload is repaired twice within ten minutes: if its new pods lack the sidecar as well,
something else is wrong. It stops at the first sign of trouble, and goes on when run again.

Exit code 0: all is done, nothing was to do, or this was a dry run; 1: something was left, or it
stopped; 2: the cluster cannot be asked, or you lack a right.`,
		Example: `  sidecar-injector repair -A --dry-run
  sidecar-injector repair -n shop --max-unavailable 2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.add(cmd)
	return cmd
}
