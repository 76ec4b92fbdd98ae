package fleet

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Budget is a PodDisruptionBudget.
type Budget struct {
	Namespace, Name string
	// Covers reports whether it selects pods with these labels.
	Covers func(labels map[string]string) bool
	// Allowed is how many disruptions it allows now, Room how many when all pods are healthy: any number if
	// its pods have not been counted since it was made or edited. Says describes its state.
	Allowed, Room int
	Says          string
	// SparesUnready is true if a pod that is not ready may be disrupted, whatever Allowed is.
	SparesUnready bool
}

// newBudget returns a PodDisruptionBudget with the meaning that it has for the Eviction API. A nil selector
// selects nothing, as does one that is not valid; an empty one selects every pod.
func newBudget(b *policyv1.PodDisruptionBudget) *Budget {
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	s, policy := &b.Status, b.Spec.UnhealthyPodEvictionPolicy
	budget := &Budget{
		Namespace: b.Namespace, Name: b.Name, Allowed: int(s.DisruptionsAllowed), Room: int(s.ExpectedPods - s.DesiredHealthy),
		Says:   fmt.Sprintf("%d healthy, at least %d wanted", s.CurrentHealthy, s.DesiredHealthy),
		Covers: func(l map[string]string) bool { return selector.Matches(labels.Set(l)) },
		SparesUnready: policy != nil && *policy == policyv1.AlwaysAllow ||
			s.CurrentHealthy >= s.DesiredHealthy && s.DesiredHealthy > 0,
	}
	if s.ObservedGeneration < b.Generation {
		budget.Allowed, budget.Room, budget.Says = 0, math.MaxInt, "its pods have not been counted yet"
	} else if c := meta.FindStatusCondition(s.Conditions, policyv1.DisruptionAllowedCondition); c != nil && c.Reason == policyv1.SyncFailedReason {
		budget.Says = "its pods cannot be counted: " + c.Message
	}
	return budget
}

// NewBudgets returns the Budget of each item of a list.
func NewBudgets(list *policyv1.PodDisruptionBudgetList) []*Budget {
	var all []*Budget
	for i := range list.Items {
		all = append(all, newBudget(&list.Items[i]))
	}
	return all
}

// Cover is what decides whether PodDisruptionBudgets let a pod go.
type Cover struct {
	// Budgets are those that cover the pod.
	Budgets []*Budget
	// Unguarded is true for a pod that has not started yet, or has ended: it may go whatever its budgets say.
	Unguarded bool
	Ready     bool
}

// NewCover returns the Cover of a pod by the budgets that there are in its namespace.
func NewCover(budgets []*Budget, labels map[string]string, phase corev1.PodPhase, ready bool) Cover {
	c := Cover{Unguarded: phase == corev1.PodPending || phase == corev1.PodSucceeded || phase == corev1.PodFailed, Ready: ready}
	for _, b := range budgets {
		if b.Covers(labels) {
			c.Budgets = append(c.Budgets, b)
		}
	}
	return c
}

// Holding returns the budgets that must allow a disruption before the pod is disrupted.
func (c *Cover) Holding() []*Budget {
	if c.Unguarded {
		return nil
	}
	var all []*Budget
	for _, b := range c.Budgets {
		if c.Ready || !b.SparesUnready {
			all = append(all, b)
		}
	}
	return all
}

// never returns a budget that does not let the pod go even when all pods are healthy; nil if there is none.
func (c *Cover) never() *Budget {
	for _, b := range c.Holding() {
		if b.Room <= 0 {
			return b
		}
	}
	return nil
}

// stays returns why the Eviction API would refuse the pod even when all pods are healthy; "" if it would not.
func (c *Cover) stays() string {
	if b := c.never(); b != nil {
		return fmt.Sprintf("PodDisruptionBudget %s lets no pod go (%s)", b.Name, b.Says)
	}
	if len(c.Budgets) > 1 && !c.Unguarded {
		return fmt.Sprintf("%d PodDisruptionBudgets cover a pod (%s), and Kubernetes evicts none that has more than one", len(c.Budgets), strings.Join(names(c.Budgets), ", "))
	}
	return ""
}

// Evictable separates the pods that the Eviction API lets go, now or when all pods are healthy, from those
// that it never does, and says why it keeps the first of these.
func Evictable(pods []Target) (goes, kept []Target, why string) {
	for n := range pods {
		reason := pods[n].stays()
		if reason == "" {
			goes = append(goes, pods[n])
			continue
		}
		kept, why = append(kept, pods[n]), cmp.Or(why, reason)
	}
	return goes, kept, why
}

// Obstruct sets the state Blocked for sidecars whose update makes the pod unavailable, even briefly, while
// a budget does not allow that. A container that is not ready makes it so already.
func (s *Standing) Obstruct(cover *Cover) {
	for n := range s.Instances {
		i := &s.Instances[n]
		if i.State != Restart && i.State != Missed && !(i.State == InPlace && i.Stops()) {
			continue
		}
		for _, b := range cover.Holding() {
			if b.Allowed <= 0 {
				i.Why = "PodDisruptionBudget " + b.Name + " lets no pod go (" + b.Says + "); " + i.State.String() + ": " + i.Why
				i.State = Blocked
				break
			}
		}
	}
}

// Stops reports whether a change stops a container that is ready.
func (i *Instance) Stops() bool { return slices.ContainsFunc(i.Changes, Change.Stops) }

func names(budgets []*Budget) []string {
	var all []string
	for _, b := range budgets {
		all = append(all, b.Name)
	}
	return all
}
