package fleet

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Method is how pods of a workload are brought up to date.
type Method string

// The methods.
const (
	// InRunningPods changes images, cpu and memory in the pods that run.
	InRunningPods Method = "in place"
	// ByRollout has the workload make its pods anew by its own rollout.
	ByRollout Method = "restart"
	// ByEviction has the controller replace pods one by one.
	ByEviction Method = "evict"
	// Left: nothing is done, for the reason that is told.
	Left Method = "leave"
)

// Target is one pod that is to change.
type Target struct {
	Name, UID string
	State     State
	// Stops says that the change stops a container, for however short a time.
	Stops bool
	// Wants are the sidecars that a new pod has to have, each with its revision.
	Wants map[string]string
}

// Candidate is a workload with pods that are not as they should be.
type Candidate struct {
	Workload
	Pods []Target
	// Budgets cover the pods. Why is what is to change in the first of them.
	Budgets []*Budget
	Why     string
	// Owner is what is known of the workload where pods have to be made anew.
	Owner Owner
}

// Owner is what a workload can do about its pods.
type Owner struct {
	// Replaces says that it makes another pod for one that goes; Why says why it does not.
	Replaces bool
	Why      string
	// Renews says that a change of its pod template makes all pods anew, and Takes how many
	// of them are away at once then.
	Renews bool
	Takes  int
}

// Step is one thing to do, and what it takes.
type Step struct {
	Workload
	How     Method   `json:"how"`
	Why     string   `json:"why"`
	Pods    []string `json:"pods"`
	Budgets []string `json:"budgets,omitempty"`
	Canary  bool     `json:"canary,omitempty"`

	Targets []Target `json:"-"`
}

// Canary says which workloads come first: a percentage of them, or those of a namespace. The zero
// value is none.
type Canary struct {
	Percent   int
	Namespace string
}

// ParseCanary reads 10% or the name of a namespace.
func ParseCanary(text string) (Canary, error) {
	number, percent := strings.CutSuffix(text, "%")
	if !percent {
		return Canary{Namespace: text}, nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 99 {
		return Canary{}, fmt.Errorf("canary %s: want 1%% to 99%%, or a namespace", message.Quote(text))
	}
	return Canary{Percent: n}, nil
}

// first says whether a workload is a canary. It does not depend on the others, so that an
// interrupted rollout goes on with the same ones.
func (c Canary) first(w Workload) bool {
	if c.Namespace != "" {
		return w.Namespace == c.Namespace
	}
	h := fnv.New32a()
	h.Write([]byte(w.Namespace + "/" + w.String()))
	return int(h.Sum32()%100) < c.Percent
}

// Plan says what to do with each candidate, the canaries first and then by name.
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
		steps[i].Canary = true // of few workloads at least one
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return -cmp.Compare(rank(a), rank(b)) })
	return steps
}

func rank(s Step) int {
	if s.Canary {
		return 1
	}
	return 0
}

func (c *Candidate) steps() []Step {
	var patched, anew []Target
	for _, p := range c.Pods {
		if p.State == InPlace {
			patched = append(patched, p)
		} else {
			anew = append(anew, p)
		}
	}
	if len(anew) == 0 {
		return []Step{c.step(InRunningPods, patched, c.Why)}
	}
	how, why := c.renewal()
	if how == ByRollout {
		return []Step{c.step(how, c.Pods, c.Why)}
	}
	steps := []Step{c.step(how, anew, cmp.Or(why, c.Why))}
	if len(patched) > 0 {
		steps = append(steps, c.step(InRunningPods, patched, c.Why))
	}
	return steps
}

// renewal chooses how pods are made anew.
func (c *Candidate) renewal() (how Method, why string) {
	if !c.Owner.Replaces {
		return Left, c.Owner.Why
	}
	room := true
	for _, b := range c.Budgets {
		room = room && c.Owner.Takes <= b.Room
	}
	if c.Owner.Renews && room {
		return ByRollout, ""
	}
	if len(c.Budgets) > 1 {
		return Left, fmt.Sprintf("%d PodDisruptionBudgets cover a pod (%s), and Kubernetes evicts none that has more than one", len(c.Budgets), strings.Join(names(c.Budgets), ", "))
	}
	return ByEviction, ""
}

func (c *Candidate) step(how Method, targets []Target, why string) Step {
	s := Step{Workload: c.Workload, How: how, Why: why, Targets: targets}
	if how != InRunningPods || slices.ContainsFunc(targets, func(t Target) bool { return t.Stops }) {
		s.Budgets = names(c.Budgets)
	}
	for _, t := range targets {
		s.Pods = append(s.Pods, t.Name)
	}
	return s
}

func names(budgets []*Budget) []string {
	var all []string
	for _, b := range budgets {
		all = append(all, b.Name)
	}
	return all
}
