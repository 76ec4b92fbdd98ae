package fleet

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Method is how the pods of a workload are updated.
type Method string

// The methods.
const (
	// InRunningPods changes images, cpu and memory in running pods.
	InRunningPods Method = "in place"
	// ByRollout restarts the workload's own rollout.
	ByRollout Method = "restart"
	// ByEviction evicts pods one by one, which the controller replaces.
	ByEviction Method = "evict"
	// Watched does nothing: a canary that is up to date is looked at before the others follow.
	Watched Method = "watch"
	// Left does nothing; Step.Why has the reason.
	Left Method = "leave"
)

// Target is one pod that is to change.
type Target struct {
	Name, UID string
	State     State
	// Stops is true if the change in the running pod stops a container that is ready, even briefly.
	Stops bool
	Cover
	// Wants are the sidecars that a new pod must have, with their revisions.
	Wants map[string]string
}

// Candidate is a workload with pods that are to change.
type Candidate struct {
	Workload
	Pods []Target
	// Why describes the change of the first pod.
	Why string
	// Owner has to be set if pods have to be replaced. Left, if not "", is why nothing is done at all.
	Owner Owner
	Left  string
}

// Owner says how a workload can replace its pods.
type Owner struct {
	// Replaces is true if it creates another pod for one that is removed; Why is the reason if it does not.
	Replaces bool
	Why      string
	// Renews is true if a change of its pod template replaces all pods; Takes is how many of them are then
	// unavailable at once.
	Renews bool
	Takes  int
}

// Step is what is done with some pods of a workload.
type Step struct {
	Workload
	How  Method   `json:"how"`
	Why  string   `json:"why"`
	Pods []string `json:"pods"`
	// Budgets are those that cover the pods, whether or not the change takes from them.
	Budgets []string `json:"budgets,omitempty"`
	Canary  bool     `json:"canary,omitempty"`

	Targets []Target `json:"-"`
}

// Canary selects the workloads that are updated first: a percentage of them, or those of a namespace. The
// zero value selects none.
type Canary struct {
	Percent   int
	Namespace string
}

// ParseCanary parses a percentage such as 10%, or the name of a namespace.
func ParseCanary(text string) (Canary, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	switch {
	case percent && err == nil && n >= 1 && n <= 99:
		return Canary{Percent: n}, nil
	case !percent && err != nil && len(validation.IsDNS1123Label(text)) == 0:
		return Canary{Namespace: text}, nil
	}
	return Canary{}, fmt.Errorf("canary %s: want 1%% to 99%% with the percent sign, or the name of a namespace", message.Quote(text))
}

// first reports whether a workload is a canary. The result does not depend on other workloads, so that a
// resumed rollout has the same canaries.
func (c Canary) first(w Workload) bool {
	if c.Namespace != "" {
		return w.Namespace == c.Namespace
	}
	h := fnv.New32a()
	h.Write([]byte(w.Namespace + "/" + w.String()))
	return int(h.Sum32()%100) < c.Percent
}

// Plan returns the steps for the candidates, canaries first, then sorted by workload.
func Plan(candidates []*Candidate, canary Canary) []Step {
	var steps []Step
	for _, c := range candidates {
		steps = append(steps, c.steps()...)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.Workload.Compare(b.Workload) })
	if canary == (Canary{}) {
		return steps
	}
	any := false
	for i := range steps {
		steps[i].Canary = canary.first(steps[i].Workload)
		any = any || steps[i].Canary && steps[i].How != Left
	}
	if i := slices.IndexFunc(steps, func(s Step) bool { return s.How != Left }); !any && i >= 0 && canary.Percent > 0 {
		steps[i].Canary = true // at least one canary
	}
	first := slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return !s.Canary })
	return append(first, slices.DeleteFunc(steps, func(s Step) bool { return s.Canary })...)
}

func (c *Candidate) steps() []Step {
	var patched, anew []Target
	for _, p := range c.Pods {
		if p.Patched() {
			patched = append(patched, p)
		} else {
			anew = append(anew, p)
		}
	}
	if c.Left != "" {
		return []Step{c.step(Left, c.Pods, c.Left)}
	}
	if len(anew) == 0 {
		return []Step{c.step(InRunningPods, patched, c.Why)}
	}
	how := c.Owner.Renewal(c.Pods)
	if how == ByRollout {
		return []Step{c.step(how, c.Pods, c.Why+instead(anew))}
	}
	var steps []Step
	kept, why := anew, c.Owner.Why
	if how == ByEviction {
		anew, kept, why = Evictable(anew)
		if len(anew) > 0 {
			steps = append(steps, c.step(how, anew, c.Why))
		}
	}
	if len(kept) > 0 {
		steps = append(steps, c.step(Left, kept, why))
	}
	if len(patched) > 0 {
		steps = append(steps, c.step(InRunningPods, patched, c.Why))
	}
	return steps
}

// Patched reports whether the pod is changed while it runs: State is InPlace, and if a ready container stops
// for it, each budget of the pod allows that when all pods are healthy.
func (t *Target) Patched() bool {
	return t.State == InPlace && (!t.Stops || t.never() == nil)
}

// instead returns why pods are replaced that could be changed in place: the budget that never allows a
// container to stop. It is "" if there are no such pods.
func instead(anew []Target) string {
	for n := range anew {
		if b := anew[n].never(); b != nil && anew[n].State == InPlace {
			return fmt.Sprintf(" (not in place: PodDisruptionBudget %s lets no pod go)", b.Name)
		}
	}
	return ""
}

// Renewal returns how to replace pods, which must be all pods of the workload that are to be replaced: by the
// workload's own rollout if every budget has room for that, else by evicting those that are Evictable. It is
// Left if the controller creates no other pods.
func (o Owner) Renewal(pods []Target) Method {
	if !o.Replaces {
		return Left
	}
	renews := o.Renews
	for n := range pods {
		renews = renews && !slices.ContainsFunc(pods[n].Budgets, func(b *Budget) bool { return o.Takes > b.Room })
	}
	if renews {
		return ByRollout
	}
	return ByEviction
}

func (c *Candidate) step(how Method, targets []Target, why string) Step {
	s := Step{Workload: c.Workload, How: how, Why: why, Targets: targets}
	for _, t := range targets {
		s.Pods = append(s.Pods, t.Name)
		for _, name := range names(t.Budgets) {
			if !slices.Contains(s.Budgets, name) {
				s.Budgets = append(s.Budgets, name)
			}
		}
	}
	return s
}
