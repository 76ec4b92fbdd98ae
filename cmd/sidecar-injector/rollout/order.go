package rollout

import (
	"context"
	"errors"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// doing carries out one step.
type doing func(context.Context, *fleet.Step, *Outcome) error

// Run carries out the steps, canaries first, in their order as far as budgets allow. It ends when all are
// done, at the first trouble, or when ctx ends; steps in progress then finish in a way that leaves no pod
// partly changed. It returns the outcomes of the steps that were begun. A step for which a permission is
// missing is left, and the *fleet.DeniedError is returned when all others are done.
func (r *Runner) Run(ctx context.Context, steps []fleet.Step) ([]Outcome, error) {
	return r.inOrder(ctx, steps, r.step, r.look)
}

// inOrder carries out the canaries, observes those of which pods were changed, and then carries out the other
// steps. If no pod of any canary was changed, other steps become canaries, one after the other, until one is;
// if the canaries are those of a namespace, all other steps are left instead.
func (r *Runner) inOrder(ctx context.Context, steps []fleet.Step, do doing, look func(context.Context, []fleet.Step) error) ([]Outcome, error) {
	var next, others []fleet.Step
	for _, s := range steps {
		if s.Canary {
			next = append(next, s)
		} else {
			others = append(others, s)
		}
	}
	canaries := len(next) > 0
	var outcomes []Outcome
	var lacks error
	for len(next) > 0 {
		done, err := r.run(ctx, next, do)
		outcomes = append(outcomes, done...)
		if err = denied(err, &lacks); err != nil {
			return outcomes, err
		}
		next = nil
		if len(others) > 0 && r.Canary.Percent > 0 && len(tried(outcomes)) == 0 {
			next, others = slices.Clone(others[:1]), others[1:]
			next[0].Canary = true
		}
	}
	switch seen := tried(outcomes); {
	case len(others) == 0:
		return outcomes, lacks
	case canaries && len(seen) == 0:
		do = r.untried
	case canaries && r.Limits.Wait > 0 && slices.ContainsFunc(others, func(s fleet.Step) bool { return s.How != fleet.Left }):
		if err := look(ctx, seen); err != nil {
			return outcomes, err
		}
	}
	rest, err := r.run(ctx, others, do)
	if err = denied(err, &lacks); err == nil {
		err = lacks
	}
	return append(outcomes, rest...), err
}

// untried leaves a step because the canaries before it were left.
func (r *Runner) untried(_ context.Context, s *fleet.Step, _ *Outcome) error {
	if s.How == fleet.Left {
		return &LeftError{s.Why}
	}
	return &LeftError{"no canary in namespace " + r.Canary.Namespace + " could be tried"}
}

// denied returns nil for a *fleet.DeniedError, which does not end the run, and stores the first one in lacks.
// Other errors are returned unchanged.
func denied(err error, lacks *error) error {
	if !errors.As(err, new(*fleet.DeniedError)) {
		return err
	}
	if *lacks == nil {
		*lacks = err
	}
	return nil
}

// tried returns the steps that have brought pods up to date.
func tried(outcomes []Outcome) []fleet.Step {
	var all []fleet.Step
	for i := range outcomes {
		if outcomes[i].Done > 0 {
			all = append(all, outcomes[i].Step)
		}
	}
	return all
}
