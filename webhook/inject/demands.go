package inject

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// refuse records what the template demands of the pod and the pod does not have.
func (j *job) refuse(c *candidate, unmet []templates.ValidationFailure) {
	var faults faultList
	for _, f := range unmet {
		faults.add(Fault{Reason: ValidationFailed, Instance: c.asked.instance, Place: j.demandPlace(c, f), Message: f.Message})
	}
	j.faults(&faults, c)
	// What is added to the pod now may meet the demand when the pod is looked at again.
	c.yielded = c.template.FailurePolicy == v1alpha1.Ignore
}

// warned tells what the template would like and the pod does not have. Nobody asked for a template that
// matches: it is told of on the workload that its pods are made from, and not on each of them.
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

// demandPlace is where a demand is told: at the annotation of the parameter that it names.
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
