package inject

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// unmet returns a fault for each value of the rendering that the API server would refuse, but of the
// containers that an override changes: they are checked with it. The check is part of the rendering, which
// the pods of a workload share.
func (j *job) unmet(c *candidate, found []templates.Unmet, overrides map[string]override) []Fault {
	var faults faultList
	for i := range found {
		if u := &found[i]; u.Container != "" {
			if _, overridden := overrideOf(overrides, u.Container); overridden {
				continue
			}
		}
		faults.add(j.refused(c, &found[i]))
	}
	return faults.told
}

// refused returns the fault for a value that the API server would refuse. It is attributed to the parameter
// that is given, if there is just one, or else to the request; if none is given, to the template, which made
// it of the pod.
func (j *job) refused(c *candidate, u *templates.Unmet) Fault {
	var own []given
	for _, g := range c.given {
		if !reserved(g.parameter) {
			own = append(own, g)
		}
	}
	f := Fault{Reason: BadParameter, Instance: c.asked.instance, Place: requestPlace(c.reason, j.request.Namespace.Name), Fix: remedy(&u.Unmet)}
	if c.reason == TemplateMatch { // there is no request
		f.Place = c.place()
	}
	what := u.Where + ": " + u.Error()
	switch len(own) {
	case 0:
		f.Reason, f.Message = TemplateInvalid, "for this pod, "+what
	case 1:
		f.Place, f.Message = own[0].place(j.request.Namespace.Name), "with it, "+what
	default:
		f.Message = "with the parameters of " + message.Quote(c.asked.instance) + ", " + what
	}
	return f
}
