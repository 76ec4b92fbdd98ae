package fleet

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePlanTakesWhatCostsLeast also checks that pods which would not be recreated are left.
func TestThePlanTakesWhatCostsLeast(t *testing.T) {
	room := func(name string, n int) *Budget { return &Budget{Name: name, Room: n} }
	rolls := Owner{Replaces: true, Renews: true, Takes: 1}
	for name, test := range map[string]struct {
		states  []State
		owner   Owner
		budgets []*Budget
		want    []string
	}{
		"in place":                         {[]State{InPlace, InPlace}, Owner{}, nil, []string{"in place 2"}},
		"restart":                          {[]State{Restart, Restart}, rolls, nil, []string{"restart 2"}},
		"one of each: the rollout is all":  {[]State{InPlace, Restart}, rolls, nil, []string{"restart 2"}},
		"a budget with room":               {[]State{Restart}, rolls, []*Budget{room("b", 1)}, []string{"restart 1"}},
		"a budget with too little":         {[]State{Restart, InPlace}, Owner{Replaces: true, Renews: true, Takes: 2}, []*Budget{room("b", 1)}, []string{"evict 1", "in place 1"}},
		"it does not roll out":             {[]State{Restart}, Owner{Replaces: true}, nil, []string{"evict 1"}},
		"two budgets":                      {[]State{Restart}, Owner{Replaces: true}, []*Budget{room("a", 1), room("b", 1)}, []string{"leave 1"}},
		"two budgets, and it rolls out":    {[]State{Restart}, rolls, []*Budget{room("a", 1), room("b", 1)}, []string{"restart 1"}},
		"nobody would make another":        {[]State{Restart}, Owner{Why: "gone"}, nil, []string{"leave 1"}},
		"nobody would, and one needs none": {[]State{Restart, InPlace}, Owner{Why: "gone"}, nil, []string{"leave 1", "in place 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Candidate{Workload: Workload{"shop", "Deployment", "web"}, Owner: test.owner, Budgets: test.budgets, Why: "why"}
			for n, s := range test.states {
				c.Pods = append(c.Pods, Target{Name: fmt.Sprint(n), State: s})
			}
			var got []string
			for _, s := range Plan([]*Candidate{c}, Canary{}) {
				got = append(got, fmt.Sprintf("%s %d", s.How, len(s.Pods)))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOnlyWhatStopsAContainerWaitsForABudget: cpu and memory change while the containers run.
func TestOnlyWhatStopsAContainerWaitsForABudget(t *testing.T) {
	for stops, want := range map[bool]int{true: 1, false: 0} {
		c := &Candidate{Pods: []Target{{State: InPlace, Stops: stops}}, Budgets: []*Budget{{Name: "b"}}}
		if got := len(Plan([]*Candidate{c}, Canary{})[0].Budgets); got != want {
			t.Errorf("stops %v: %d budgets, want %d", stops, got, want)
		}
	}
}

// TestCanariesComeFirstAndStayTheSame checks that the canaries do not change when other workloads are done.
func TestCanariesComeFirstAndStayTheSame(t *testing.T) {
	var all []*Candidate
	for n := range 200 {
		all = append(all, &Candidate{Workload: Workload{fmt.Sprintf("n%d", n%4), "Deployment", fmt.Sprintf("w%03d", n)}, Pods: []Target{{State: InPlace}}})
	}
	first := func(candidates []*Candidate, canary Canary) map[Workload]bool {
		found, ended := map[Workload]bool{}, false
		for _, s := range Plan(candidates, canary) {
			if s.Canary && ended {
				t.Errorf("%v: canary %s comes after others", canary, s.Workload)
			}
			ended = ended || !s.Canary
			if s.Canary {
				found[s.Workload] = true
			}
		}
		return found
	}
	tenth := first(all, Canary{Percent: 10})
	if len(tenth) < 10 || len(tenth) > 35 {
		t.Errorf("%d of 200 are a tenth", len(tenth))
	}
	for w := range first(all[100:], Canary{Percent: 10}) {
		if !tenth[w] {
			t.Errorf("%s is a canary of half of them, and not of all", w)
		}
	}
	if got := first(all, Canary{Namespace: "n1"}); len(got) != 50 {
		t.Errorf("%d of namespace n1, want 50", len(got))
	}
	if got := first(all[:1], Canary{Percent: 1}); len(got) != 1 {
		t.Error("of one workload none is a canary")
	}
	for _, text := range []string{"0%", "100%", "x%", "%"} {
		if _, err := ParseCanary(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
