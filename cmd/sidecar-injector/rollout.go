package main

import "github.com/spf13/cobra"

func newRolloutCommand(std streams) *cobra.Command {
	o := &changeOptions{}
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Bring sidecars up to date, without restarting the app where that can be",
		Long: `Bring the sidecars up to date that status shows as in-place or restart, by what takes least:
  in place  images of sidecars, cpu and memory change in the running pod, and the app's
            containers go on running
  restart   the workload's own rollout, as by kubectl rollout restart
  evict     pods one by one, where the workload does not roll out by itself, or its rollout
            would take more pods at once than a PodDisruptionBudget allows
  leave     nothing is done, for the reason beside it: nobody would make another pod, a new
            pod would be refused or would differ, a budget never lets a pod go, what decides
            cannot be read
  watch     a canary that is up to date is looked at before the others follow
PodDisruptionBudgets are respected, for changes in place as well; workloads that share one come one
after the other. Before a workload is changed one of its pods is created by dry run: it has
to come back just as its pods are to become, or the workload is left. It stops at the first
sign of trouble: a pod that is not ready again, a container that restarts, a new pod without
its sidecar, new pods that are refused. Interrupted or stopped, it leaves no pod half changed;
run again, it goes on with what is left.

With --canary, the canaries come first; the others follow when their pods have stayed well for
--canary-wait. If nothing could be done with any of them, another workload becomes the canary;
with a namespace, all others are left.

Exit code 0: all is done, nothing was to do, or this was a dry run; 1: something was left, or it
stopped; 2: the cluster cannot be asked, or you lack a right.`,
		Example: `  sidecar-injector rollout -n shop --dry-run
  sidecar-injector rollout -A --canary 10% --canary-wait 10m
  sidecar-injector rollout -A --canary staging --max-workloads 5`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.limits.MaxWorkloads, "max-workloads", 1, "`number` of workloads that are worked on at once")
	flags.StringVar(&o.canary, "canary", "", "first do `10%` of the workloads, or those of this namespace, then wait")
	flags.DurationVar(&o.limits.Wait, "canary-wait", defaultCanaryWait, "`duration` for which canaries are looked at before the others follow")
	return cmd
}
