package rollout

import (
	"errors"
	"slices"
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

// TestABudgetCountsFromTheMomentItIsThere: one that is made, edited or deleted while pods are changed in place.
func TestABudgetCountsFromTheMomentItIsThere(t *testing.T) {
	open, closed := budgetOf("web", 1, map[string]string{"app": "web"}), budgetOf("web", 0, map[string]string{"app": "web"})
	uncounted := budgetOf("web", 0, map[string]string{"app": "web"})
	uncounted.Generation = 1
	for name, test := range map[string]struct {
		first, then []policyv1.PodDisruptionBudget
		done        int
		left        string
	}{
		"made, and lets no pod go":     {nil, []policyv1.PodDisruptionBudget{*closed}, 1, "PodDisruptionBudget web has let no pod go for 1ms (0 healthy, at least 0 wanted)"},
		"made, and not counted":        {nil, []policyv1.PodDisruptionBudget{*uncounted}, 1, "PodDisruptionBudget web has let no pod go for 1ms (its pods have not been counted yet)"},
		"made, and lets one go":        {nil, []policyv1.PodDisruptionBudget{*open}, 3, ""},
		"made, for other pods":         {nil, []policyv1.PodDisruptionBudget{*budgetOf("db", 0, map[string]string{"app": "db"})}, 3, ""},
		"edited, and lets no pod go":   {[]policyv1.PodDisruptionBudget{*open}, []policyv1.PodDisruptionBudget{*closed}, 1, "PodDisruptionBudget web has let no pod go for 1ms (0 healthy, at least 0 wanted)"},
		"a second one, that is closed": {[]policyv1.PodDisruptionBudget{*open}, []policyv1.PodDisruptionBudget{*open, *budgetOf("one", 0, map[string]string{"name": "web-3"})}, 2, "PodDisruptionBudget one has let no pod go for 1ms (0 healthy, at least 0 wanted)"},
		"deleted":                      {[]policyv1.PodDisruptionBudget{*open}, nil, 3, ""},
		"closed, of other pods by now": {[]policyv1.PodDisruptionBudget{*open}, []policyv1.PodDisruptionBudget{*budgetOf("web", 0, map[string]string{"app": "db"})}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, r, s := newPlane(t, 1, 3, 2, "web-1", "web-2", "web-3")
			for name, pod := range p.pods {
				pod.Labels["name"] = name
			}
			p.budgets = test.first
			p.before = func(_, _ string, dry bool) error {
				if !dry {
					p.budgets = test.then
				}
				return nil
			}
			o := Outcome{}
			err, left := r.bring(t.Context(), s, &o), (*LeftError)(nil)
			if errors.As(err, &left) != (test.left != "") || left != nil && left.Message != test.left || left == nil && err != nil || o.Done != test.done {
				t.Errorf("%d done, %v", o.Done, err)
			}
		})
	}
}

// TestWorkloadsThatRunAtOnceShareABudget that was made after the plan, and does not count what they change yet.
func TestWorkloadsThatRunAtOnceShareABudget(t *testing.T) {
	_, r, s := newPlane(t, 1, 3, 2, "web-1", "web-2")
	some, release, err := r.admitted(t.Context(), s, s.Targets)
	if err != nil || len(some) != 1 {
		t.Fatalf("%d pods, %v", len(some), err)
	}
	if _, _, err := r.admitted(t.Context(), s, s.Targets[1:]); !errors.As(err, new(*LeftError)) {
		t.Errorf("while the first one is changed: %v", err)
	}
	release()
	if _, _, err := r.admitted(t.Context(), s, s.Targets[1:]); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestPodsThatAreAwayAlreadyCountAmongThoseThatMayBe: in place and evicted, but for one. Of five pods the first
// three are to change.
func TestPodsThatAreAwayAlreadyCountAmongThoseThatMayBe(t *testing.T) {
	for _, test := range []struct {
		limit int
		away  []string
		cpu   bool // only cpu changes, which makes no pod unavailable
		want  int
	}{
		{1, nil, false, 1},
		{3, nil, false, 3},
		{3, []string{"web-5"}, false, 2},
		{3, []string{"web-4", "web-5"}, false, 1},
		{2, []string{"web-4", "web-5"}, false, 1}, // those may stay away for ever
		{3, []string{"web-1"}, false, 3},          // it is among the first, and away whatever is done
		{3, []string{"web-1", "web-2"}, false, 3},
		{3, []string{"web-1", "web-5"}, false, 2},
		{3, []string{"web-4", "web-5"}, true, 3},
	} {
		p, r, s := newPlane(t, 5, 5, 0, "web-1", "web-2", "web-3", "web-4", "web-5")
		r.Limits.MaxUnavailable, s.Targets = test.limit, s.Targets[:3]
		for _, name := range test.away {
			p.unready(name, "app")
		}
		if test.cpu {
			r.Judge = judge("side:1", "2m", false)
		}
		some, _, err := r.admitted(t.Context(), s, s.Targets[:test.limit])
		if err != nil || len(some) != test.want {
			t.Errorf("%+v: %d at once in place (%v)", test, len(some), err)
		}
		if test.cpu {
			continue
		}
		now, err := r.owner(t.Context(), s.Workload)
		must(t, err)
		for _, pod := range p.pods {
			pod.Labels["state"] = "restart"
		}
		for n := range s.Targets {
			s.Targets[n].Wants = map[string]string{"side": ""}
		}
		if err = r.evictEach(t.Context(), s, now, s.Targets, &Outcome{}); !errors.As(err, new(*TroubleError)) || len(p.evicted) != test.want {
			t.Errorf("%+v: %v at once evicted (%v)", test, p.evicted, err)
		}
	}
}

// TestPodsThatAreNotReadyAreEvictedFirst: a budget lets them go while it keeps the others.
func TestPodsThatAreNotReadyAreEvictedFirst(t *testing.T) {
	pods := []corev1.Pod{*podOf("web-0", true), *podOf("web-1", false), *podOf("web-10", false), *podOf("web-2", false)}
	want, got := []string{"web-1", "web-2", "web-10", "web-0"}, []string(nil)
	for _, t := range notReadyFirst(pods, []fleet.Target{{Name: "web-0", UID: "web-0"}, {Name: "web-1", UID: "web-1"}, {Name: "web-10", UID: "web-10"}, {Name: "web-2", UID: "web-2"}}) {
		got = append(got, t.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
