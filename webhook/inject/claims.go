package inject

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// claims are the names, paths and ports taken by the instances accepted so far,
// each with its owner. What the pod itself holds is looked up in the pod. The
// lists are short (what is added), so they are searched, not indexed.
type claims struct {
	job *job
	// fit are all instances that want a place, accepted those that have one.
	fit, accepted []*candidate

	containers []owned[*templates.Container]
	volumes    []owned[*templates.Named]
	scalars    []owned[scalar]
	perTarget  []owned[targetClaim]
}

// owned is something claimed and by which instance.
type owned[T any] struct {
	by    string
	value T
}

// scalar is one value that a pod has once: a label, an annotation, a field, or
// a field of one target container.
type scalar struct {
	// path is a JSON pointer whose tokens are kept apart, for it may hold any text.
	field, key string
	json       []byte
}

// targetID is a target container's place in the pod.
type targetID struct {
	list  string
	index int
}

// targetClaim is one item in a list of a target container.
type targetClaim struct {
	target targetID
	kind   string // mount, device, env, envFrom
	key    string // cleaned path or name
	item   *templates.Named
}

// claim checks the instances against the pod and against each other and
// returns those that can be added, in rank order. Each is added whole or not at
// all: those whose policy is Fail claim first, so that in a conflict the Ignore
// one yields, and of two alike the later. One that mounts a volume of another's is
// tried whatever their order; if the other has to stay out, so has it.
func (j *job) claim(fit []*candidate) []*candidate {
	var s *claims
	for again := true; again; {
		again = false
		s = &claims{job: j, fit: fit}
		for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.Fail, v1alpha1.Ignore} {
			for _, c := range fit {
				if c.template.FailurePolicy == policy && !c.orphan {
					s.try(c)
				}
			}
		}
		for _, c := range s.accepted {
			if c.trial.checkMountedVolumes(); len(c.trial.faults) > 0 {
				c.orphan, again = true, true
			}
		}
	}
	for _, c := range fit {
		for _, f := range c.trial.faults {
			j.fault(f, c)
			c.yielded = c.template.FailurePolicy == v1alpha1.Ignore
		}
	}
	slices.SortFunc(s.accepted, func(a, b *candidate) int { return a.rank - b.rank })
	for _, c := range s.accepted {
		j.accept(c)
	}
	return s.accepted
}

// try adds an instance to the claims if nothing speaks against it.
func (s *claims) try(c *candidate) {
	t := &trial{claims: s, candidate: c, addition: c.addition}
	c.trial = t
	t.plan.targets = make([]targetPlan, 0, len(c.targets))
	t.items = make([]*templates.JSON, 0, len(c.targets)*len(c.addition.App.Mounts))
	t.checkContainers()
	t.checkVolumes()
	t.checkPod()
	for _, target := range c.targets {
		t.checkTarget(target)
		t.checkUsers(target)
	}
	if len(t.faults) > 0 {
		return
	}
	s.containers = append(s.containers, t.containers...)
	s.volumes = append(s.volumes, t.volumes...)
	s.scalars = append(s.scalars, t.scalars...)
	s.perTarget = append(s.perTarget, t.perTarget...)
	s.accepted = append(s.accepted, c)
}

// accept records what an instance adds.
func (j *job) accept(c *candidate) {
	in := c.instance
	in.Outcome, in.Reason = Injected, c.reason
	in.Detail = askedText(c.reason, j.request.Namespace.Name)
	c.pass(planFits, true)
	in.Notes = append(in.Notes, c.trial.notes...)
	for _, w := range c.trial.warnings {
		j.warn("%s: %s", c.asked.instance, w)
	}
	in.Targets = make([]string, 0, len(c.targets))
	for _, target := range c.targets {
		in.Targets = append(in.Targets, target.view.Name)
	}
	for container := range containersOf(c.addition) {
		in.Containers = append(in.Containers, AddedContainer{Name: container.Name, Native: container.Sidecar})
	}
	for _, v := range c.addition.Volumes {
		in.Volumes = append(in.Volumes, v.Name)
	}
}
