package inject

import (
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// unknown returns the fault of an instance whose template does not exist.
func (j *job) unknown(c *candidate) Fault {
	namespace := j.request.Namespace.Name
	f := Fault{Reason: UnknownTemplate, Instance: c.asked.instance, Place: requestPlace(c.reason, namespace),
		Message: fmt.Sprintf("template %s does not exist", message.Quote(c.asked.template)), Fix: "sidecar-injector templates list shows what there is"}
	if tried, ok := j.set.Canary(namespace, c.asked.template); ok && tried.Template != nil {
		f.Message = fmt.Sprintf("%s is a canary, for which nobody can ask", message.Quote(c.asked.template))
		if _, there := j.set.Lookup(namespace, tried.Template.Name); !there {
			f.Fix = fmt.Sprintf("template %s, whose place it takes, does not exist; %s", message.Quote(tried.Template.Name), f.Fix)
			return f
		}
		f.Fix = fmt.Sprintf("ask for %s, whose place it takes for %s", tried.Template.Name, tried.Template.Canary.Scope())
		return f
	}
	if j.templates == nil {
		j.templates = j.set.Names(namespace)
	}
	if _, swapped := j.set.Lookup(namespace, c.asked.instance); swapped && c.reason != TemplateMatch && switchFix(c.asked.template) != "" {
		f.Fix = fmt.Sprintf("write %s: to name the template is to ask for it", c.asked.instance)
	} else if swapped && c.reason != TemplateMatch {
		f.Fix = fmt.Sprintf("did you mean %s=%s? The template stands behind the name that it gets", c.asked.template, c.asked.instance)
	} else if near := j.nearestTemplate(c.asked.template); near != "" {
		f.Fix = fmt.Sprintf("did you mean %s?", near)
	} else if fix := switchFix(c.asked.template); fix != "" {
		f.Fix = fix
	}
	return f
}

// maxCompared bounds the comparisons of unknown names with names of templates, from the second unknown name
// on: a thousand templates for each of 16 instances.
const maxCompared = 16_384

// nearestTemplate returns the template name that was probably meant; "" if there is none, or if the limit
// of comparisons is reached.
func (j *job) nearestTemplate(name string) string {
	before := j.compared
	j.compared += len(j.templates)
	if before > 0 && j.compared > maxCompared {
		return ""
	}
	return message.Nearest(name, j.templates)
}
