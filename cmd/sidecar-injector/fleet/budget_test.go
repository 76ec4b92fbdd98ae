package fleet

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAPodGoesIfTheEvictionAPILetsItGo follows pkg/registry/core/pod/storage/eviction.go of Kubernetes: now is
// what it answers at once, ever whether it lets the pod go when all pods are healthy.
func TestAPodGoesIfTheEvictionAPILetsItGo(t *testing.T) {
	always, ifHealthy := policyv1.AlwaysAllow, policyv1.IfHealthyBudget
	budget := func(policy *policyv1.UnhealthyPodEvictionPolicyType, allowed, healthy, desired, expected int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web", Generation: 2},
			Spec:   policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{}, UnhealthyPodEvictionPolicy: policy},
			Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 2, DisruptionsAllowed: allowed, CurrentHealthy: healthy, DesiredHealthy: desired, ExpectedPods: expected}}
	}
	edited := func(allowed, healthy, desired, expected int32, edit func(*policyv1.PodDisruptionBudget)) *policyv1.PodDisruptionBudget {
		b := budget(nil, allowed, healthy, desired, expected)
		edit(b)
		return b
	}
	unseen := func(b *policyv1.PodDisruptionBudget) { b.Generation++ }
	const runs, waits = corev1.PodRunning, corev1.PodPending
	for name, test := range map[string]struct {
		phase     corev1.PodPhase
		ready     bool
		budgets   []*policyv1.PodDisruptionBudget
		now, ever bool
	}{
		"no budget":                  {runs, true, nil, true, true},
		"room":                       {runs, true, []*policyv1.PodDisruptionBudget{budget(nil, 1, 3, 2, 3)}, true, true},
		"room later":                 {runs, true, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 2, 3)}, false, true},
		"never room":                 {runs, true, []*policyv1.PodDisruptionBudget{budget(nil, 0, 3, 3, 3)}, false, false},
		"more wanted than there are": {runs, true, []*policyv1.PodDisruptionBudget{budget(nil, 0, 3, 5, 3)}, false, false},
		"never room, AlwaysAllow":    {runs, true, []*policyv1.PodDisruptionBudget{budget(&always, 0, 3, 3, 3)}, false, false},
		"of another pod":             {runs, true, []*policyv1.PodDisruptionBudget{edited(0, 3, 3, 3, func(b *policyv1.PodDisruptionBudget) { b.Spec.Selector.MatchLabels = map[string]string{"app": "db"} })}, true, true},
		"without a selector":         {runs, true, []*policyv1.PodDisruptionBudget{edited(0, 3, 3, 3, func(b *policyv1.PodDisruptionBudget) { b.Spec.Selector = nil })}, true, true},
		"a selector that is not valid": {runs, true, []*policyv1.PodDisruptionBudget{edited(0, 3, 3, 3, func(b *policyv1.PodDisruptionBudget) {
			b.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Like"}}
		})}, true, true},

		"not ready, room":                           {runs, false, []*policyv1.PodDisruptionBudget{budget(nil, 1, 2, 1, 3)}, true, true},
		"not ready, never room":                     {runs, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 3, 3)}, false, false},
		"not ready, never room, AlwaysAllow":        {runs, false, []*policyv1.PodDisruptionBudget{budget(&always, 0, 2, 3, 3)}, true, true},
		"not ready, never room, IfHealthyBudget":    {runs, false, []*policyv1.PodDisruptionBudget{budget(&ifHealthy, 0, 2, 3, 3)}, false, false},
		"not ready, one more than a healthy budget": {runs, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 3, 3, 3)}, true, true},
		"not ready, none of none is healthy":        {runs, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 0, 0, 0)}, false, false},
		"not ready, healthy, not counted again":     {runs, false, []*policyv1.PodDisruptionBudget{edited(0, 3, 3, 3, unseen)}, true, true},

		"not started, never room":               {waits, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 3, 3)}, true, true},
		"not started, two budgets":              {waits, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 3, 3), budget(nil, 0, 2, 3, 3)}, true, true},
		"failed, never room":                    {corev1.PodFailed, false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 3, 3)}, true, true},
		"no phase yet, never room":              {"", false, []*policyv1.PodDisruptionBudget{budget(nil, 0, 2, 3, 3)}, false, false},
		"not counted since it was edited":       {runs, true, []*policyv1.PodDisruptionBudget{edited(1, 3, 2, 3, unseen)}, false, true},
		"new":                                   {runs, true, []*policyv1.PodDisruptionBudget{edited(0, 0, 0, 0, unseen)}, false, true},
		"two budgets with room":                 {runs, true, []*policyv1.PodDisruptionBudget{budget(nil, 1, 3, 2, 3), budget(nil, 1, 3, 2, 3)}, false, false},
		"two budgets with AlwaysAllow, unready": {runs, false, []*policyv1.PodDisruptionBudget{budget(&always, 0, 2, 3, 3), budget(&always, 0, 2, 3, 3)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var budgets []*Budget
			for _, b := range test.budgets {
				budgets = append(budgets, newBudget(b))
			}
			pod := Target{Cover: NewCover(budgets, map[string]string{"app": "web"}, test.phase, test.ready)}
			now := len(pod.Budgets) < 2 || pod.Unguarded
			for _, b := range pod.Holding() {
				now = now && b.Allowed > 0
			}
			goes, _, why := Evictable([]Target{pod})
			if ever := len(goes) == 1; now != test.now || ever != test.ever || ever != (why == "") {
				t.Errorf("goes now %v, ever %v (%s); want %v, %v", now, ever, why, test.now, test.ever)
			}
		})
	}
}

// TestABudgetSaysWhyItLetsNoPodGo: its figures mean nothing before its pods are counted.
func TestABudgetSaysWhyItLetsNoPodGo(t *testing.T) {
	b := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
	for want, status := range map[string]policyv1.PodDisruptionBudgetStatus{
		"its pods have not been counted yet": {},
		"2 healthy, at least 3 wanted":       {ObservedGeneration: 1, CurrentHealthy: 2, DesiredHealthy: 3},
		"its pods cannot be counted: found no controllers for pod web": {ObservedGeneration: 1, Conditions: []metav1.Condition{
			{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason, Message: "found no controllers for pod web"}}},
	} {
		b.Status = status
		if got := newBudget(b); got.Says != want || got.Allowed != 0 {
			t.Errorf("got %q, %d allowed, want %q", got.Says, got.Allowed, want)
		}
	}
}

// TestAPodThatABudgetSparesIsNotBlocked: one that is not ready may be replaced while the others are healthy.
func TestAPodThatABudgetSparesIsNotBlocked(t *testing.T) {
	for _, ready := range []bool{true, false} {
		s := Standing{Instances: []Instance{{State: Restart, Why: "args"}}}
		s.Obstruct(&Cover{Ready: ready, Budgets: []*Budget{{Name: "web", SparesUnready: true}}})
		if got := s.Instances[0]; (got.State == Blocked) != ready || strings.Contains(got.Why, "web") != ready {
			t.Errorf("ready %v: %s, %s", ready, got.State, got.Why)
		}
	}
}
