package rollout

import (
	"context"
	"errors"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// Plan returns what to do with the gathered pods. It reads the owners of the pods, and creates a pod of each
// by dry run. A workload for which the user lacks a permission is left, and the first such
// error, a *fleet.DeniedError, is returned together with the plan; with any other error there is no plan.
func (r *Runner) Plan(ctx context.Context, g *fleet.Gathering) ([]fleet.Step, error) {
	var denied *fleet.DeniedError
	for _, c := range g.Candidates() {
		err := r.consider(ctx, c)
		if lacks := (*fleet.DeniedError)(nil); errors.As(err, &lacks) {
			c.Left = lacks.Error()
			if denied == nil {
				denied = lacks
			}
		} else if err != nil {
			return nil, err
		}
	}
	steps := g.Plan()
	if denied != nil {
		return steps, denied
	}
	return steps, nil
}

// consider determines how a workload's pods can be replaced, and tries to create one by dry run.
func (r *Runner) consider(ctx context.Context, c *fleet.Candidate) error {
	o, err := r.owner(ctx, c.Workload)
	if err != nil {
		return err
	}
	c.Owner = o.Owner
	c.Owner.Renews = c.Owner.Renews && !r.Repairs
	changed := c.Pods
	if !o.Replaces {
		changed = slices.DeleteFunc(slices.Clone(c.Pods), func(t fleet.Target) bool { return !t.Patched() })
	}
	if len(changed) == 0 {
		return nil
	}
	left := (*LeftError)(nil)
	if _, err := r.try(ctx, c.Workload, o, changed); errors.As(err, &left) {
		c.Left = left.Message
	} else if err != nil {
		return err
	}
	return nil
}
