package rollout

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// budgets returns the PodDisruptionBudgets of a namespace as they are now: since the plan was made, some may
// have been created, edited or deleted.
func (r *Runner) budgets(ctx context.Context, namespace string) ([]*fleet.Budget, error) {
	return listed(ctx, r, "poddisruptionbudgets", namespace, metav1.ListOptions{}, r.Client.PolicyV1().PodDisruptionBudgets(namespace).List, fleet.NewBudgets)
}

// room waits until all PodDisruptionBudgets that cover a pod of a workload, one that is to change or not,
// allow the disruptions of its rollout.
func (r *Runner) room(ctx context.Context, w fleet.Workload, now *owner) error {
	obstacle := ""
	return waitFor(ctx, r.Limits.forBudgets(), func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		if err := r.goesOn(ctx); err != nil {
			return false, 0, err
		}
		pods, err := r.pods(ctx, w, now)
		if err != nil {
			return false, 0, err
		}
		takes := now.takesOf(pods)
		if takes == 0 {
			return true, 0, nil
		}
		budgets, err := r.budgets(ctx, w.Namespace)
		if err != nil {
			return false, 0, err
		}
		for _, b := range budgets {
			if b.Allowed < takes && slices.ContainsFunc(pods, func(p corev1.Pod) bool { return b.Covers(p.Labels) }) {
				obstacle = r.obstacle(b)
				return false, 0, nil
			}
		}
		return true, 0, nil
	})
}

// takesOf returns how many ready pods the workload's own rollout makes unavailable at once. Pods that are not
// ready already use up the limit of a rollout, except for a StatefulSet, which replaces its pods in order, ready
// or not.
func (o *owner) takesOf(pods []corev1.Pod) int {
	if o.kind.kind == "StatefulSet" {
		return o.Takes
	}
	return max(0, o.Takes-max(0, o.wanted-readyOf(pods)))
}

// admitted waits until the budgets let the first of these pods be changed, and returns those that may be at
// once, by the budgets and MaxUnavailable, each as it was when that was decided. They count as disrupted, for all
// workloads of this run, until release is called.
func (r *Runner) admitted(ctx context.Context, s *fleet.Step, next []fleet.Target) (some []*running, release func(), err error) {
	obstacle, from := "", []*fleet.Budget(nil)
	release = func() { r.disrupted.remove(from) }
	err = waitFor(ctx, r.Limits.forBudgets(), func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		if err := r.goesOn(ctx); err != nil {
			return false, 0, err
		}
		spare, err := r.spare(ctx, s.Workload, len(next))
		if err != nil {
			return false, 0, err
		}
		var budgets []*fleet.Budget
		for _, t := range next {
			now, err := r.due(ctx, s.Namespace, t)
			if err == nil && now.stops() && budgets == nil {
				budgets, err = r.budgets(ctx, s.Namespace)
			}
			if err != nil {
				return false, 0, err
			}
			if now.stops() && isReady(now.pod) {
				if spare == 0 {
					break
				}
				spare--
			}
			if now.stops() {
				cover := fleet.NewCover(budgets, now.pod.Labels, now.pod.Status.Phase, isReady(now.pod))
				holding := cover.Holding()
				if full := r.disrupted.add(holding); full != nil {
					obstacle = r.obstacle(full)
					break
				}
				from = append(from, holding...)
			}
			some = append(some, now)
		}
		return len(some) > 0, 0, nil
	})
	if err != nil {
		release()
	}
	return some, release, err
}

// spare returns how many of the next pods of a workload may become unavailable at once.
func (r *Runner) spare(ctx context.Context, w fleet.Workload, next int) (int, error) {
	if next <= 1 {
		return 1, nil
	}
	now, err := r.owner(ctx, w)
	if err != nil {
		return 0, err
	}
	pods, err := r.pods(ctx, w, now)
	return r.Limits.spare(now.wanted - readyOf(pods)), err
}

// spare returns how many more pods of a workload may become unavailable. It is at least one, so that pods that
// stay unavailable, whatever the reason, do not keep their workload from being brought up to date; a budget does.
func (l *Limits) spare(unavailable int) int { return max(1, l.MaxUnavailable-max(0, unavailable)) }

func readyOf(pods []corev1.Pod) int {
	ready := 0
	for i := range pods {
		if isReady(&pods[i]) {
			ready++
		}
	}
	return ready
}

// stops reports whether the changes of a pod stop a container that is ready.
func (now *running) stops() bool { return slices.ContainsFunc(now.changes, fleet.Change.Stops) }

// disruptions counts the pods that a run is changing, by the budgets that hold them. A budget's own figures
// follow a change with a delay.
type disruptions struct {
	mu sync.Mutex
	by map[string]int
}

// add counts a pod for all budgets, or for none if one has no room for it, which it returns then.
func (d *disruptions) add(budgets []*fleet.Budget) (full *fleet.Budget) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range budgets {
		if b.Allowed-d.by[b.Namespace+"/"+b.Name] < 1 {
			return b
		}
	}
	if d.by == nil {
		d.by = map[string]int{}
	}
	for _, b := range budgets {
		d.by[b.Namespace+"/"+b.Name]++
	}
	return nil
}

func (d *disruptions) remove(budgets []*fleet.Budget) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range budgets {
		d.by[b.Namespace+"/"+b.Name]--
	}
}

func (r *Runner) obstacle(b *fleet.Budget) string {
	return fmt.Sprintf("PodDisruptionBudget %s has let no pod go for %s (%s)", b.Name, r.Limits.forBudgets(), b.Says)
}
