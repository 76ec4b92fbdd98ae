package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/rollout"
)

// The limits are the defaults of the commands, with two exceptions. A budget that allows no disruption is not
// waited for: its workload is tried again in the next round, and the others do not have to wait. And a
// rollout always has canaries, because no person watches it.
const (
	timeout       = 5 * time.Minute
	canaryPercent = 10
	canaryWait    = 5 * time.Minute
	budgetWait    = 5 * time.Second // once a pod is ready again, its budget takes a moment to allow the next one
)

// errNewTemplates ends a run whose plan is based on templates, or on labels and annotations of a namespace, that
// are no longer in force.
var errNewTemplates = errors.New("templates or a namespace have changed: what is left is planned anew")

// errPaused ends a run because a pause was set on the Lease in the meantime.
var errPaused = errors.New("paused")

// work repairs and then rolls out, as configured. The two never run concurrently, since they may share
// PodDisruptionBudgets. It returns how long it surveyed pods.
func (k *Keeper) work(ctx context.Context) time.Duration {
	var took time.Duration
	for _, w := range []Work{Repair, Rollout} {
		if !slices.Contains(k.Works, w) || ctx.Err() != nil {
			continue
		}
		looked, result, err := k.do(ctx, w)
		took += looked
		if ctx.Err() != nil {
			break
		}
		k.Metrics.round(w, result)
		switch {
		case errors.Is(err, errNewTemplates):
			k.Log.Info("begun anew", "work", w, "why", err.Error())
		case err != nil && result == failed:
			k.Log.Error(err, "could not be done; tried again in the next round", "work", w)
		}
	}
	return took
}

// do is one round of one kind of work. It returns how long it surveyed pods, and the result for the
// metrics.
func (k *Keeper) do(ctx context.Context, w Work) (looked time.Duration, result string, err error) {
	switch why, err := k.pausedFor(ctx, w); {
	case err != nil:
		return 0, failed, err
	case why != "":
		return 0, paused, nil
	}
	begun := time.Now()
	log := k.Log.WithValues("work", w)
	canary := fleet.Canary{}
	if w == Rollout {
		canary.Percent = canaryPercent
	}
	gathering := fleet.NewGathering(w == Repair, canary)
	s, err := k.survey(ctx, k.worker, live.BudgetsFor(w == Rollout), func(seen *live.Seen) error {
		gathering.Add(seen.Workload, seen.Pod.Name, string(seen.Pod.UID), seen.Standing, seen.Cover)
		return nil
	})
	if err != nil {
		return time.Since(begun), failed, err
	}
	runner := k.runner(ctx, w, s, log)
	runner.Canary = canary
	steps, lacks := runner.Plan(ctx, gathering)
	looked = time.Since(begun)
	if errors.Is(lacks, errNewTemplates) {
		return looked, left, lacks
	}
	if steps == nil && lacks != nil {
		return looked, failed, lacks
	}
	outcomes, err := runner.Run(ctx, steps)
	for i := range outcomes {
		k.Metrics.changed(w, outcomes[i].Done)
	}
	trouble := (*rollout.TroubleError)(nil)
	switch {
	case errors.As(err, &trouble):
		k.pause(ctx, w, runner, trouble)
		return looked, paused, err
	case errors.Is(err, errPaused):
		return looked, paused, nil
	case errors.Is(err, errNewTemplates):
		return looked, left, err
	case err != nil:
		return looked, failed, err
	case lacks != nil:
		return looked, failed, lacks
	case slices.ContainsFunc(outcomes, func(o rollout.Outcome) bool { return o.Left != "" }):
		return looked, left, nil
	}
	return looked, done, nil
}

// fresh returns errNewTemplates if other templates are in force than those that pods were compared with.
func (k *Keeper) fresh(s *surveyed) error {
	if k.Templates.Current() != s.today.Set {
		return errNewTemplates
	}
	return nil
}

func (k *Keeper) runner(ctx context.Context, w Work, s *surveyed, log logr.Logger) *rollout.Runner {
	return &rollout.Runner{
		Client: k.worker.Client(), Repairs: w == Repair,
		Limits: rollout.Limits{MaxUnavailable: 1, MaxWorkloads: 1, Timeout: timeout, Budget: budgetWait, Wait: canaryWait},
		Judge: func(namespace string, pod []byte) (*fleet.Standing, error) {
			if err := k.fresh(s); err != nil {
				return nil, err
			}
			in := s.known[namespace]
			if in.Name != "" { // else it is being deleted
				// If there is no answer, the next request of the run fails as well, or the next pod asks again.
				if changed, err := k.worker.NamespaceChanged(ctx, in); err == nil && changed {
					return nil, errNewTemplates
				}
			}
			return s.today.Judge(in, pod)
		},
		Halt: func(ctx context.Context) error {
			if err := k.fresh(s); err != nil {
				return err
			}
			why, err := k.pausedFor(ctx, w)
			if err == nil && why != "" {
				err = fmt.Errorf("%w: %s", errPaused, why)
			}
			return err
		},
		Tell: func(of fleet.Workload, text string) {
			log.Info("progress", "namespace", of.Namespace, "workload", of.String(), "what", text)
		},
	}
}
