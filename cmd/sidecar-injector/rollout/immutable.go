package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// immutableError reports that the API server rejects a change in a running pod, which was left unchanged.
type immutableError struct {
	what string
	err  error
}

func (e *immutableError) Error() string {
	return fmt.Sprintf("the server does not change %s in this running pod: %v", e.what, e.err)
}

// refused returns an *immutableError if the API server's own validation of pods rejects a change: its
// errors are about a Pod, and each names a field, which is "[]" where it resizes no pods of a kind. Those of
// admission policies and webhooks do not, whatever code they have.
func refused(err error, what string) error {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return err
	}
	details := status.Status().Details
	own := apierrors.IsInvalid(err) && details != nil && details.Kind == "Pod" && len(details.Causes) > 0 &&
		!slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool { return !strings.HasPrefix(c.Field, "spec") && c.Field != "[]" })
	if own || apierrors.IsMethodNotSupported(err) {
		return &immutableError{what, err}
	}
	return err
}

// bring patches the running pods of a step. If the API server does not allow that, it has those that are left
// replaced, in the way that a plan would choose.
func (r *Runner) bring(ctx context.Context, s *fleet.Step, o *Outcome) error {
	todo, err := r.patchAll(ctx, s, o)
	immutable := (*immutableError)(nil)
	if !errors.As(err, &immutable) {
		return err
	}
	now, err := r.owner(ctx, s.Workload)
	if err != nil {
		return err
	}
	o.How = now.Renewal(s.Targets)
	goes, kept, why := fleet.Evictable(todo)
	switch {
	case o.How == fleet.Left:
		o.How = fleet.InRunningPods
		return &LeftError{immutable.Error() + "; " + now.Why}
	case o.How == fleet.ByRollout:
		r.tell(s.Workload, "%v; its pods are made anew", immutable)
		return r.renew(ctx, s, o)
	case len(goes) > 0:
		r.tell(s.Workload, "%v; its pods are made anew", immutable)
		part := *s
		part.Targets = goes
		if err := r.evictAll(ctx, &part, o); err != nil {
			return err
		}
	}
	if len(kept) > 0 {
		return &LeftError{immutable.Error() + "; " + why}
	}
	return nil
}
