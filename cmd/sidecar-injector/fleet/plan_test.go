package fleet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePlanTakesWhatCostsLeast also checks that pods which would not be recreated are left.
func TestThePlanTakesWhatCostsLeast(t *testing.T) {
	rolls, surges, none := Owner{Replaces: true, Renews: true, Takes: 1}, Owner{Replaces: true, Renews: true}, Owner{Replaces: true}
	// pod returns a pod with a budget for each room.
	pod := func(state State, rooms ...int) Target {
		p := Target{State: state, Stops: true, Cover: Cover{Ready: true}}
		for n, room := range rooms {
			p.Budgets = append(p.Budgets, &Budget{Name: fmt.Sprint("b", n), Room: room})
		}
		return p
	}
	resized := func(rooms ...int) Target {
		p := pod(InPlace, rooms...)
		p.Stops = false
		return p
	}
	for name, test := range map[string]struct {
		pods  []Target
		owner Owner
		want  []string
	}{
		"in place":                           {[]Target{pod(InPlace), pod(InPlace)}, Owner{}, []string{"in place 2"}},
		"restart":                            {[]Target{pod(Restart), pod(Restart)}, rolls, []string{"restart 2"}},
		"one of each: the rollout is all":    {[]Target{pod(InPlace), pod(Restart)}, rolls, []string{"restart 2"}},
		"a budget with room":                 {[]Target{pod(Restart, 1)}, rolls, []string{"restart 1"}},
		"a budget with too little":           {[]Target{pod(Restart, 1), pod(InPlace, 1)}, Owner{Replaces: true, Renews: true, Takes: 2}, []string{"evict 1", "in place 1"}},
		"it does not roll out":               {[]Target{pod(Restart)}, none, []string{"evict 1"}},
		"two budgets":                        {[]Target{pod(Restart, 1, 1)}, none, []string{"leave 1"}},
		"two budgets, and it rolls out":      {[]Target{pod(Restart, 1, 1)}, rolls, []string{"restart 1"}},
		"a budget for each pod":              {[]Target{pod(Restart, 1), pod(Restart, 1)}, none, []string{"evict 2"}},
		"one of them never lets it go":       {[]Target{pod(Restart, 1), pod(Restart, 0)}, none, []string{"evict 1", "leave 1"}},
		"one never does, and it rolls out":   {[]Target{pod(Restart, 1), pod(Restart, 0)}, rolls, []string{"evict 1", "leave 1"}},
		"no room, and it takes none":         {[]Target{pod(Restart, 0)}, surges, []string{"restart 1"}},
		"no room, and it takes one":          {[]Target{pod(Restart, 0)}, rolls, []string{"leave 1"}},
		"no room in place, it takes none":    {[]Target{pod(InPlace, 0)}, surges, []string{"restart 1"}},
		"no room in place, it takes one":     {[]Target{pod(InPlace, 0)}, rolls, []string{"leave 1"}},
		"no room, and nothing is stopped":    {[]Target{resized(0)}, rolls, []string{"in place 1"}},
		"two budgets in place":               {[]Target{pod(InPlace, 1, 1)}, none, []string{"in place 1"}},
		"nobody would make another":          {[]Target{pod(Restart)}, Owner{Why: "gone"}, []string{"leave 1"}},
		"nobody would, and one needs none":   {[]Target{pod(Restart), pod(InPlace)}, Owner{Why: "gone"}, []string{"leave 1", "in place 1"}},
		"a repair of one that has no budget": {[]Target{pod(Missed)}, none, []string{"evict 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Candidate{Workload: Workload{"shop", "Deployment", "web"}, Owner: test.owner, Why: "why", Pods: test.pods}
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

// TestAStepHoldsTheBudgetsOfItsPods: those of every pod, once, also where the change stops nothing, since
// another way may have to be taken.
func TestAStepHoldsTheBudgetsOfItsPods(t *testing.T) {
	a, b := &Budget{Name: "a", Room: 1}, &Budget{Name: "b", Room: 1}
	for _, stops := range []bool{true, false} {
		c := &Candidate{Pods: []Target{{State: InPlace, Stops: stops, Cover: Cover{Budgets: []*Budget{a}}}, {State: InPlace, Cover: Cover{Budgets: []*Budget{a, b}}}}}
		if diff := cmp.Diff([]string{"a", "b"}, Plan([]*Candidate{c}, Canary{})[0].Budgets); diff != "" {
			t.Errorf("stops %v: %s", stops, diff)
		}
	}
}

// TestWhatAPodWantsIsCurrentInAll: nothing else counts as done, whatever other sidecars are.
func TestWhatAPodWantsIsCurrentInAll(t *testing.T) {
	target := Target{Wants: map[string]string{"a": "1", "b": "1"}}
	for want, instances := range map[State][]Instance{
		Current:  {{Name: "a"}, {Name: "b"}, {Name: "c", State: Blocked}},
		InPlace:  {{Name: "a"}, {Name: "b", State: InPlace}},
		Unknown:  {{Name: "a", State: Unknown}, {Name: "b"}},
		OptedOut: {{Name: "a"}},
	} {
		if got, why := target.Now(&Standing{Instances: instances}); got != want {
			t.Errorf("%v: %s (%s), want %s", instances, got, why, want)
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
}

// TestACanaryIsAPercentageOrANamespace: a number without its sign would be the name of a namespace that
// nobody has.
func TestACanaryIsAPercentageOrANamespace(t *testing.T) {
	for text, want := range map[string]Canary{"1%": {Percent: 1}, "99%": {Percent: 99}, "staging": {Namespace: "staging"}, "10-percent": {Namespace: "10-percent"}} {
		if got, err := ParseCanary(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0%", "100%", "x%", "%", "10", "-5", "-5%", "", " ", "10 %", "Staging", "a,b", "stage*"} {
		if got, err := ParseCanary(text); err == nil {
			t.Errorf("%q: %v, and no error", text, got)
		}
	}
}

// TestCanariesOfANamespaceThatAreUpToDateAreWatched: a rollout that was interrupted while it looked at its
// canaries looks at them again. A namespace without sidecars is no canary.
func TestCanariesOfANamespaceThatAreUpToDateAreWatched(t *testing.T) {
	pod := func(state State) *Standing { return &Standing{Instances: []Instance{{Name: "side", State: state}}} }
	for name, test := range map[string]struct {
		stage, shop []State
		want        string
		canaries    bool
	}{
		"the canaries come first":           {[]State{InPlace}, []State{InPlace}, "stage in place, shop in place", true},
		"they are up to date":               {[]State{Current, Current}, []State{InPlace}, "stage watch, shop in place", true},
		"one of them is not":                {[]State{Current, InPlace}, []State{InPlace}, "stage in place, shop in place", true},
		"all is up to date":                 {[]State{Current}, []State{Current}, "", true},
		"they cannot change":                {[]State{Blocked}, []State{InPlace}, "shop in place, stage leave", true},
		"there are none":                    {nil, []State{InPlace}, "shop in place", false},
		"they have declined":                {[]State{OptedOut}, []State{InPlace}, "shop in place", false},
		"there are none, nor anything else": {nil, nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewGathering(false, Canary{Namespace: "stage"})
			for namespace, states := range map[string][]State{"stage": test.stage, "shop": test.shop} {
				for n, state := range states {
					s := pod(state)
					s.Instances[0].Revision = "1"
					g.Add(Workload{namespace, "Deployment", "web"}, fmt.Sprint("web-", n), fmt.Sprint(namespace, n), s, Cover{})
				}
			}
			steps := g.Plan()
			var got []string
			for _, s := range steps {
				got = append(got, s.Namespace+" "+string(s.How))
				if s.Canary != (s.Namespace == "stage") {
					t.Errorf("%s: canary %v", s.Namespace, s.Canary)
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" || g.Canaries(steps) != test.canaries {
				t.Errorf("canaries %v\n%s", g.Canaries(steps), diff)
			}
		})
	}
}
