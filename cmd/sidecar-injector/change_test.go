package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/rollout"
)

// TestAWorkloadIsCountedOnceWhateverItsSteps: some of its pods may be changed in place while others are left.
func TestAWorkloadIsCountedOnceWhateverItsSteps(t *testing.T) {
	step := func(name string, how fleet.Method) fleet.Step {
		return fleet.Step{Workload: fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: name}, How: how}
	}
	steps := []fleet.Step{step("a", fleet.InRunningPods), step("a", fleet.Left), step("a", fleet.ByEviction), step("b", fleet.InRunningPods), step("b", fleet.Left), step("c", fleet.Left)}
	outcome := func(n, done int, left string) rollout.Outcome {
		return rollout.Outcome{Step: steps[n], Done: done, Left: left}
	}
	trouble := &rollout.TroubleError{Workload: steps[0].Workload, Message: "it restarts"}
	for want, got := range map[string]error{
		"1 workload left, for the reason beside each":              verdict([]rollout.Outcome{outcome(0, 2, ""), outcome(1, 0, "why"), outcome(2, 0, "why")}, steps[:3], nil),
		"it restarts; 1 pod is done, 2 workloads left untouched":   verdict([]rollout.Outcome{outcome(0, 1, "it restarts")}, steps, trouble),
		"3 workloads left, for the reason beside each":             verdict([]rollout.Outcome{outcome(0, 2, "why"), outcome(1, 0, "why"), outcome(2, 1, ""), outcome(3, 1, ""), outcome(4, 0, "why"), outcome(5, 0, "why")}, steps, nil),
		"it restarts; 2 pods are done, 2 workloads left untouched": verdict([]rollout.Outcome{outcome(0, 2, "it restarts")}, steps, trouble),
		"it restarts; 3 pods are done, 1 workload left untouched":  verdict([]rollout.Outcome{outcome(0, 2, ""), outcome(3, 1, "it restarts")}, steps, trouble),
	} {
		if got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if err := verdict([]rollout.Outcome{outcome(0, 2, "")}, steps[:1], nil); err != nil {
		t.Error(err)
	}
}

// TestAnInterruptionBeforeThePlanIsTold as such, and not as an outage.
func TestAnInterruptionBeforeThePlanIsTold(t *testing.T) {
	kubeconfig := smallCluster(t, nil, nil)
	for _, path := range []string{"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "/api/v1/namespaces/shop/pods"} {
		for _, command := range []string{"rollout", "repair"} {
			ctx, interrupt := context.WithCancel(t.Context())
			behind := inFront(t, kubeconfig, map[string]http.HandlerFunc{path: func(_ http.ResponseWriter, q *http.Request) {
				interrupt()
				<-q.Context().Done()
			}})
			std := streams{Out: io.Discard, ErrOut: io.Discard}
			cmd := newRolloutCommand(std)
			if command == "repair" {
				cmd = newRepairCommand(std)
			}
			cmd.SilenceUsage, cmd.SilenceErrors = true, true
			cmd.SetArgs([]string{"--dry-run", "--kubeconfig", behind})
			err := cmd.ExecuteContext(ctx)
			if err == nil || !strings.Contains(err.Error(), "interrupted: 0 pods are done") {
				t.Errorf("%s at %s: %v", command, path, err)
			}
		}
	}
}
