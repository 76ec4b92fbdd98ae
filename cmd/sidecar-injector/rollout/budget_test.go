package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

func podOf(name string, ready bool) *corev1.Pod {
	pod := side(ready, runs("side-0", 0))
	pod.ObjectMeta = metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name), Labels: map[string]string{"app": "web", "name": name}}
	return pod
}

func budgetOf(name string, allowed int32, selector map[string]string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec:   policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: selector}},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed}}
}

// TestARolloutNeedsRoomInTheBudgetsOfAllItsPods: a rollout of the workload's own also takes those that need
// no change.
func TestARolloutNeedsRoomInTheBudgetsOfAllItsPods(t *testing.T) {
	for name, test := range map[string]struct {
		takes  int
		budget *policyv1.PodDisruptionBudget
		left   string
	}{
		"room":                    {1, budgetOf("all", 1, map[string]string{"app": "web"}), ""},
		"too little":              {2, budgetOf("all", 1, map[string]string{"app": "web"}), "PodDisruptionBudget all has let no pod go"},
		"none for one":            {1, budgetOf("one", 0, map[string]string{"name": "web-1"}), "PodDisruptionBudget one has let no pod go"},
		"of another":              {1, budgetOf("other", 0, map[string]string{"app": "db"}), ""},
		"none, and it takes none": {0, budgetOf("all", 0, map[string]string{"app": "web"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := quiet(Limits{Timeout: time.Hour, Budget: time.Millisecond})
			r.Client = fake.NewClientset(podOf("web-0", true), podOf("web-1", true), test.budget)
			now := &owner{Owner: fleet.Owner{Takes: test.takes}, wanted: 2, selector: labels.SelectorFromSet(labels.Set{"app": "web"})}
			err, left := r.room(t.Context(), step("web").Workload, now), (*LeftError)(nil)
			if errors.As(err, &left) != (test.left != "") || left != nil && !strings.HasPrefix(left.Message, test.left) || left == nil && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestPodsThatAreNotReadyAreEvictedFirst: a budget lets them go while it keeps the others.
func TestPodsThatAreNotReadyAreEvictedFirst(t *testing.T) {
	r := quiet(Limits{Timeout: time.Second})
	r.Client = fake.NewClientset(podOf("web-0", true), podOf("web-1", false), podOf("web-2", true))
	now := &owner{selector: labels.SelectorFromSet(labels.Set{"app": "web"})}
	got, err := r.notReadyFirst(t.Context(), step("web").Workload, now, []fleet.Target{{UID: "web-0"}, {UID: "web-1"}, {UID: "web-2"}})
	if err != nil || len(got) != 3 || got[0].UID != "web-1" || got[1].UID != "web-0" {
		t.Errorf("got %v (%v)", got, err)
	}
}
