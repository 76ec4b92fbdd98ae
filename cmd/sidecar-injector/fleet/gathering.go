package fleet

import "slices"

// Gathering collects from all pods those that are to change: the ones without a sidecar that they
// ask for, for a repair, or those whose sidecars are out of date. Its size follows their number.
type Gathering struct {
	repairs    bool
	candidates []*Candidate
	blocked    []*Step

	byWorkload  map[Workload]*Candidate
	blockedSets map[Workload]*Step
}

// NewGathering is empty.
func NewGathering(repairs bool) *Gathering {
	return &Gathering{repairs: repairs, byWorkload: map[Workload]*Candidate{}, blockedSets: map[Workload]*Step{}}
}

// Candidates are the workloads with pods that are to change. What their owners can do about it is
// filled in before Plan.
func (g *Gathering) Candidates() []*Candidate { return g.candidates }

// Plan says what to do with each, and what is left because a new pod would be refused, or a
// budget never lets one go.
func (g *Gathering) Plan(canary Canary) []Step {
	steps := Plan(g.candidates, canary)
	for _, b := range g.blocked {
		steps = append(steps, *b)
	}
	return steps
}

// Add looks at a pod of a workload and the budgets that cover it. Of a budget that lets no pod go
// even when all are healthy, it marks the sidecars as Blocked.
func (g *Gathering) Add(w Workload, name, uid string, s *Standing, budgets []*Budget) {
	never := slices.DeleteFunc(slices.Clone(budgets), func(b *Budget) bool { return b.Room > 0 })
	for _, b := range never {
		b.Allowed = 0
	}
	s.Obstruct(never)
	target, why := g.target(name, uid, s)
	switch {
	case target == nil:
		return
	case target.State == Blocked:
		step := g.blockedSets[w]
		if step == nil {
			step = &Step{Workload: w, How: Left, Why: why}
			g.blockedSets[w], g.blocked = step, append(g.blocked, step)
		}
		step.Pods = append(step.Pods, target.Name)
		return
	}
	c := g.byWorkload[w]
	if c == nil {
		c = &Candidate{Workload: w, Why: why}
		g.byWorkload[w], g.candidates = c, append(g.candidates, c)
	}
	c.Pods = append(c.Pods, *target)
	for _, b := range budgets {
		if !slices.Contains(c.Budgets, b) {
			c.Budgets = append(c.Budgets, b)
		}
	}
}

// due says whether a sidecar as it stands is to change.
func (g *Gathering) due(i *Instance) bool {
	switch i.State {
	case InPlace, Restart:
		return !g.repairs
	case Missed:
		return g.repairs
	case Blocked:
		return g.repairs == (i.Revision == "")
	}
	return false
}

// target is a pod that is to change; nil if it is not. A pod whose sidecars need different things
// gets what the worst of them needs.
func (g *Gathering) target(name, uid string, s *Standing) (*Target, string) {
	t, why, found := &Target{Name: name, UID: uid, Wants: map[string]string{}}, "", false
	for n := range s.Instances {
		i := &s.Instances[n]
		switch i.State {
		case Current, InPlace, Restart, Missed:
			t.Wants[i.Name] = i.Today
		}
		t.Stops = t.Stops || i.Stops()
		if g.due(i) && (!found || i.State > t.State) {
			t.State, why, found = i.State, i.Why, true
		}
	}
	if !found {
		return nil, ""
	}
	return t, why
}
