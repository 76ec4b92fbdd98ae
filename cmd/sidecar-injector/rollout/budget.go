package rollout

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// room waits until all PodDisruptionBudgets that cover a pod of a workload, one that is to change or not,
// allow the disruptions of its rollout.
func (r *Runner) room(ctx context.Context, w fleet.Workload, now *owner) error {
	obstacle := ""
	return waitFor(ctx, r.Limits.forBudgets(), func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		pods, err := r.pods(ctx, w, now)
		if err != nil {
			return false, 0, err
		}
		takes := now.takesOf(pods)
		if takes == 0 {
			return true, 0, nil
		}
		var list *policyv1.PodDisruptionBudgetList
		err = r.call(ctx, "list", "poddisruptionbudgets", w.Namespace, func(ctx context.Context) (err error) {
			list, err = r.Client.PolicyV1().PodDisruptionBudgets(w.Namespace).List(ctx, metav1.ListOptions{})
			return err
		})
		if err != nil {
			return false, 0, err
		}
		for i := range list.Items {
			if b := &list.Items[i]; covers(b, pods) && allowed(b) < takes {
				obstacle = r.obstacle(b)
				return false, 0, nil
			}
		}
		return true, 0, nil
	})
}

// takesOf returns how many ready pods the rollout of a workload takes away at once. Ready pods that it lacks
// already count among the ones that it may take, except for a StatefulSet, which goes by their order.
func (o *owner) takesOf(pods []corev1.Pod) int {
	if o.kind.kind == "StatefulSet" {
		return o.Takes
	}
	ready := 0
	for i := range pods {
		if isReady(&pods[i]) {
			ready++
		}
	}
	return max(0, o.Takes-max(0, o.wanted-ready))
}

// covers reports whether a budget selects one of these pods.
func covers(b *policyv1.PodDisruptionBudget, pods []corev1.Pod) bool {
	selector := selectorOf(b.Spec.Selector)
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) })
}

// admitted waits until the budgets let the first of these pods be changed, and returns those that may be at
// once. Each is as it was when that was decided.
func (r *Runner) admitted(ctx context.Context, s *fleet.Step, next []fleet.Target) (some []*running, err error) {
	obstacle := ""
	err = waitFor(ctx, r.Limits.forBudgets(), func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		some = nil
		ledger := map[string]*policyv1.PodDisruptionBudget{}
		for _, t := range next {
			now, err := r.due(ctx, s.Namespace, t)
			if err != nil {
				return false, 0, err
			}
			full, err := r.take(ctx, now, ledger)
			if err != nil {
				return false, 0, err
			}
			if full != nil {
				obstacle = r.obstacle(full)
				break
			}
			some = append(some, now)
		}
		return len(some) > 0, 0, nil
	})
	return some, err
}

// take takes the change of a pod from what its budgets allow, in a ledger of those read so far. It returns
// the one that has no room for it; nil if all have.
func (r *Runner) take(ctx context.Context, now *running, ledger map[string]*policyv1.PodDisruptionBudget) (full *policyv1.PodDisruptionBudget, err error) {
	if !slices.ContainsFunc(now.changes, fleet.Change.Stops) {
		return nil, nil
	}
	var from []*policyv1.PodDisruptionBudget
	for _, held := range now.target.Budgets {
		b, known := ledger[held.Name]
		if !known {
			if b, err = r.budget(ctx, held.Namespace, held.Name); err != nil {
				return nil, err
			}
			ledger[held.Name] = b
		}
		switch {
		case b == nil, !isReady(now.pod) && sparesUnready(b):
		case allowed(b) < 1:
			return b, nil
		default:
			from = append(from, b)
		}
	}
	for _, b := range from {
		b.Status.DisruptionsAllowed--
	}
	return nil, nil
}

// allowed returns the number of disruptions that a budget allows now.
func allowed(b *policyv1.PodDisruptionBudget) int {
	if b.Status.ObservedGeneration < b.Generation {
		return 0
	}
	return int(b.Status.DisruptionsAllowed)
}

// sparesUnready reports whether a budget lets pods that are not ready be disrupted, under the conditions of
// the Eviction API.
func sparesUnready(b *policyv1.PodDisruptionBudget) bool {
	policy := b.Spec.UnhealthyPodEvictionPolicy
	return policy != nil && *policy == policyv1.AlwaysAllow ||
		b.Status.ObservedGeneration >= b.Generation && b.Status.DesiredHealthy > 0 && b.Status.CurrentHealthy >= b.Status.DesiredHealthy
}

func (r *Runner) obstacle(b *policyv1.PodDisruptionBudget) string {
	return fmt.Sprintf("PodDisruptionBudget %s has let no pod go for %s (%d healthy, at least %d wanted)",
		b.Name, r.Limits.forBudgets(), b.Status.CurrentHealthy, b.Status.DesiredHealthy)
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
