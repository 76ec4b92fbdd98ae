package inject

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// refuse records the template's validations that the pod fails.
func (j *job) refuse(c *candidate, unmet []templates.ValidationFailure) {
	var faults faultList
	for _, f := range unmet {
		faults.add(Fault{Reason: ValidationFailed, Instance: c.asked.instance, Place: j.demandPlace(c, f), Message: f.Message})
	}
	j.faults(&faults, c)
	// Additions of other instances may make the validation succeed when the pod is injected again.
	c.yielded = c.template.FailurePolicy == v1alpha1.Ignore
}

// warned reports the template's validations that only warn and that the pod fails. For a matching template,
// which was not requested, they become notes on pods that a controller creates; the warning is given on the
// workload.
func (j *job) warned(c *candidate, unmet []templates.ValidationFailure) {
	if len(unmet) == 0 {
		return
	}
	_, controlled := j.pod.Controller()
	for _, f := range unmet {
		if c.reason == TemplateMatch && controlled && j.request.Owner.Kind == "" {
			c.instance.Notes = append(c.instance.Notes, f.Message)
			continue
		}
		j.warn("%s: %s", j.demandPlace(c, f), f.Message)
	}
}

// demandPlace returns the place of a failed validation: the annotation of the parameter that it names, else
// the instance.
func (j *job) demandPlace(c *candidate, f templates.ValidationFailure) string {
	if f.Parameter == "" {
		return c.place()
	}
	g := given{instance: c.asked.instance, parameter: f.Parameter}
	if all := entries(c.given, f.Parameter); len(all) > 0 {
		g = all[0]
	}
	return g.place(j.request.Namespace.Name)
}
