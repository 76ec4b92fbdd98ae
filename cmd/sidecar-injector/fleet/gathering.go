package fleet

import "slices"

// Gathering collects the pods that are to change: for a repair those without a sidecar that they request,
// otherwise those with outdated sidecars. Its size is proportional to their number.
type Gathering struct {
	repairs    bool
	canary     Canary
	candidates []*Candidate
	blocked    []*Step
	watched    []*Step // canaries by namespace that are up to date

	byWorkload  map[Workload]*Candidate
	blockedSets map[Workload]*Step
	watchedSets map[Workload]*Step
}

// NewGathering returns an empty Gathering for a change that comes to the canaries first.
func NewGathering(repairs bool, canary Canary) *Gathering {
	return &Gathering{repairs: repairs, canary: canary, byWorkload: map[Workload]*Candidate{}, blockedSets: map[Workload]*Step{}, watchedSets: map[Workload]*Step{}}
}

// Candidates returns the workloads with pods that are to change. The caller sets their Owner before it
// calls Plan.
func (g *Gathering) Candidates() []*Candidate { return g.candidates }

// Plan returns the steps for each candidate, and a step with How Left for each workload whose pods cannot
// change, because a new pod would be refused, or it is unknown what it would get. Where the canaries of a
// namespace are all up to date, as after an interruption, they come first, to be watched.
func (g *Gathering) Plan() []Step {
	steps := Plan(g.candidates, g.canary)
	for _, b := range g.blocked {
		b.Canary = g.canary.Namespace != "" && g.canary.first(b.Workload)
		steps = append(steps, *b)
	}
	others := slices.ContainsFunc(steps, func(s Step) bool { return !s.Canary && s.How != Left })
	if !others || slices.ContainsFunc(steps, func(s Step) bool { return s.Canary && s.How != Left }) {
		return steps
	}
	var watched []Step
	for _, w := range g.watched {
		watched = append(watched, *w)
	}
	return append(watched, steps...)
}

// Canaries reports whether steps contain canaries, or need none.
func (g *Gathering) Canaries(steps []Step) bool {
	return g.canary.Namespace == "" || len(steps) == 0 || slices.ContainsFunc(steps, func(s Step) bool { return s.Canary })
}

// Add records a pod of a workload.
func (g *Gathering) Add(w Workload, name, uid string, s *Standing, cover Cover) {
	target, why := g.target(name, uid, s)
	switch {
	case target == nil && (g.canary.Namespace != w.Namespace || !s.has(Current)):
		return
	case target == nil:
		step := g.watchedSets[w]
		if step == nil {
			step = &Step{Workload: w, How: Watched, Why: "a canary that is up to date", Canary: true}
			g.watchedSets[w], g.watched = step, append(g.watched, step)
		}
		step.Pods, step.Targets = append(step.Pods, name), append(step.Targets, Target{Name: name, UID: uid})
		return
	case target.State == Blocked, target.State == Unknown:
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
	target.Cover = cover
	c.Pods = append(c.Pods, *target)
}

// due reports whether a sidecar in its state is to change.
func (g *Gathering) due(i *Instance) bool {
	switch i.State {
	case InPlace, Restart:
		return !g.repairs
	case Missed:
		return g.repairs
	case Blocked, Unknown:
		return g.repairs == (i.Revision == "")
	}
	return false
}

func (s *Standing) has(state State) bool {
	return slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.State == state })
}

// target returns the target for a pod that is to change, and why; nil if it is not. If its sidecars have
// different states, the worst one is used.
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

// Now returns Current if the sidecars that a new pod must have are current in the pod as it is now, else
// the worst of their states, and why. A sidecar that is not asked for any more counts as OptedOut.
func (t *Target) Now(s *Standing) (state State, why string) {
	there := map[string]bool{}
	for n := range s.Instances {
		i := &s.Instances[n]
		there[i.Name] = true
		if _, wanted := t.Wants[i.Name]; wanted && i.State > state {
			state, why = i.State, i.Why
		}
	}
	for name := range t.Wants {
		if !there[name] && state < OptedOut {
			state, why = OptedOut, "nothing asks for "+name+" now"
		}
	}
	return state, why
}
