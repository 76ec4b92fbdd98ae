package inject

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// claims holds the names, paths and ports that the accepted instances and the one being tried use, each
// with its instance. What the pod itself uses is looked up in the pod.
type claims struct {
	job *job
	// fit are all instances to be added, accepted those without a conflict so far.
	fit, accepted []*candidate

	containers table[string, owned[*templates.Container]]
	ports      portTable
	volumes    table[string, owned[*templates.Named]]
	scalars    table[scalar, owned[[]byte]]
	targets    targetClaims

	claim   *bool     // see hasClaim
	mounted []mounted // see mountedIn

	// grown is the number of bytes added to the pod, listed the length of the status annotation.
	grown, listed int
}

// owned is a claimed value and the instance that claims it.
type owned[T any] struct {
	by    string
	value T
}

// scalar identifies a value that a pod can have only once: a label, an annotation, a field, or a field of
// one app container. Field and key are separate because a key may be any text.
type scalar struct{ field, key string }

// mark records the lengths of all tables, to withdraw the claims of a rejected instance.
type mark struct {
	containers, volumes, scalars, targets int
	ports                                 [3]int
	grown, listed                         int
}

func (s *claims) mark() mark {
	return mark{containers: len(s.containers.entries), volumes: len(s.volumes.entries), scalars: len(s.scalars.entries),
		targets: len(s.targets.items), ports: s.ports.length(), grown: s.grown, listed: s.listed}
}

func (s *claims) reset(m mark) {
	s.containers.cut(m.containers)
	s.volumes.cut(m.volumes)
	s.scalars.cut(m.scalars)
	s.targets.cut(m.targets)
	s.ports.cut(m.ports)
	s.grown, s.listed = m.grown, m.listed
}

// claim checks the instances against the pod and against each other, and returns those that can be added,
// in rank order. Each is added completely or not at all. Instances whose policy is Fail claim first, so
// that in a conflict the one with Ignore is left out, and of two with equal policies the later one. If an
// instance mounts a volume of another one that is left out, it is left out as well, and all are tried
// again.
func (j *job) claim(fit []*candidate) []*candidate {
	var s *claims
	for again := true; again; {
		again = false
		s = &claims{job: j, fit: fit, listed: len(j.pod.metadata.Annotations[StatusAnnotation])}
		for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.Fail, v1alpha1.Ignore} {
			for _, c := range fit {
				if c.template.FailurePolicy == policy && !c.orphan {
					s.try(c)
				}
			}
		}
		for _, c := range s.accepted {
			c.trial.checkMountedVolumes()
			if len(c.trial.faults.told) > 0 {
				c.orphan, again = true, true
			}
		}
	}
	for _, c := range fit {
		if len(c.trial.faults.told) > 0 {
			j.faults(&c.trial.faults, c)
			c.yielded = c.template.FailurePolicy == v1alpha1.Ignore
		}
	}
	j.planned = &s.targets
	slices.SortFunc(s.accepted, func(a, b *candidate) int { return a.rank - b.rank })
	for _, c := range s.accepted {
		j.accept(c)
	}
	return s.accepted
}

// try claims what an instance needs, and withdraws the claims if there is a fault.
func (s *claims) try(c *candidate) {
	before := s.mark()
	c.trial = &trial{claims: s, candidate: c, addition: c.addition}
	c.trial.run()
	if len(c.trial.faults.told) > 0 {
		s.reset(before)
		return
	}
	s.accepted = append(s.accepted, c)
}

// accept sets the outcome of an instance that is added.
func (j *job) accept(c *candidate) {
	in := c.instance
	in.Outcome, in.Reason = Injected, c.reason
	in.Detail = askedText(c.reason, j.request.Namespace.Name)
	c.pass(planFits, true)
	in.Notes = append(in.Notes, c.trial.notes.all("notes")...)
	for _, w := range c.trial.warnings.all("warnings") {
		j.result.Warnings = append(j.result.Warnings, c.asked.instance+": "+w)
	}
	in.Targets = make([]string, 0, len(c.targets))
	for _, target := range c.targets {
		in.Targets = append(in.Targets, target.view.Name)
	}
	for container := range containersOf(c.addition) {
		in.Containers = append(in.Containers, AddedContainer{Name: container.Name, Native: container.Sidecar})
	}
	in.Volumes = slices.Grow(in.Volumes, len(c.addition.Volumes))
	for _, v := range c.addition.Volumes {
		in.Volumes = append(in.Volumes, v.Name)
	}
}
