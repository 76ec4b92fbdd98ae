package rollout

import (
	"context"
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// room waits until the PodDisruptionBudgets of a step allow at least least disruptions, and returns how
// many pods may be unavailable at once.
func (r *Runner) room(ctx context.Context, s *fleet.Step, least int) (int, error) {
	room, obstacle := 0, ""
	err := r.wait(ctx, func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		room = max(least, r.Limits.MaxUnavailable)
		for _, name := range s.Budgets {
			b, err := r.budget(ctx, s.Namespace, name)
			if err != nil {
				return false, 0, err
			}
			if b == nil {
				continue
			}
			allowed := int(b.Status.DisruptionsAllowed)
			if b.Status.ObservedGeneration < b.Generation {
				allowed = 0
			}
			if allowed < room {
				room = allowed
				obstacle = fmt.Sprintf("PodDisruptionBudget %s has let no pod go for %s (%d healthy, at least %d wanted)",
					name, r.Limits.Timeout, b.Status.CurrentHealthy, b.Status.DesiredHealthy)
			}
		}
		return room >= least, 0, nil
	})
	return room, err
}

// budget returns a PodDisruptionBudget; nil if it does not exist any more.
func (r *Runner) budget(ctx context.Context, namespace, name string) (b *policyv1.PodDisruptionBudget, err error) {
	err = r.call(ctx, "get", "poddisruptionbudgets", namespace, func(ctx context.Context) error {
		b, err = r.Client.PolicyV1().PodDisruptionBudgets(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return b, err
}
