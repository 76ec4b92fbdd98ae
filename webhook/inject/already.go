package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// templateReference returns the text by which the status refers to a template.
func templateReference(t *templates.Template) string {
	if t.Namespace != "" {
		return t.Kind + "/" + t.Namespace + "/" + t.Name
	}
	return t.Kind + "/" + t.Name
}

// alreadyInjected decides on an instance that the status lists, before anything is rendered. It reports
// whether it is listed.
func (j *job) alreadyInjected(c *candidate) bool {
	entry, ok := j.status[c.asked.instance]
	c.pass(notThere, !ok || entry.LeftOut != "")
	if !ok {
		return false
	}
	today := c.found.Template
	c.template, c.instance.Template = today, today
	in := c.instance
	kept := entry // a copy, so that entry does not escape to the heap for pods without a status
	in.Entry = &kept
	if entry.LeftOut != "" {
		j.fault(Fault{Reason: entry.LeftOut, Instance: c.asked.instance, Place: c.place(), Message: "it was left out when the pod was injected, for what the pod or another sidecar had then",
			Fix: "mend that, and let the pod be created anew without the status annotation"}, c)
		return true
	}
	in.Outcome, in.Reason = Unchanged, AlreadyInjected
	in.Detail = fmt.Sprintf("%s lists it, and all that it lists is there", StatusAnnotation)
	in.Volumes = slices.Clone(entry.Volumes)
	for _, name := range entry.Sidecars {
		in.Containers = append(in.Containers, AddedContainer{Name: name, Native: true})
	}
	for _, name := range slices.Concat(entry.InitContainers, entry.Containers) {
		in.Containers = append(in.Containers, AddedContainer{Name: name})
	}
	j.needsToday(c, entry)
	if j.request.Permissions {
		in.Apart = j.pod.apart(entry)
	}
	in.Outdated = outdated(entry, c, today)
	if in.Outdated != "" {
		j.warn("%s stays as it was injected: %s; it changes when the pod is created anew without the status annotation", c.asked.instance, in.Outdated)
	}
	return true
}

// needsToday sets the permissions of a sidecar that is already there, as today's template states them.
func (j *job) needsToday(c *candidate, entry StatusEntry) {
	if !j.request.Permissions || c.template == nil {
		return
	}
	values, _, wrong := j.bind(c)
	targets, fault := j.chooseTargets(c)
	if len(wrong) > 0 || fault != nil {
		return // the sidecar came from another template than today's
	}
	then := *c // a copy: reading the permissions must not change the decision
	then.index, then.targets, then.native = entry.Index, targets, len(entry.Sidecars) > 0
	j.needs(&then, j.input(&then, values))
}

// outdated describes how today's template and parameters differ from those that the pod was injected with;
// "" if they do not.
func outdated(e StatusEntry, c *candidate, today *templates.Template) string {
	if today == nil {
		return fmt.Sprintf("its template %s is not there today, or has faults", message.Quote(e.Template))
	}
	var differ []string
	if reference := templateReference(today); e.Template != reference {
		differ = append(differ, fmt.Sprintf("its template was %s and is %s today", message.Quote(e.Template), reference))
	} else if e.Revision != today.Revision {
		text := fmt.Sprintf("its template's revision was %s and is %s today", message.Quote(e.Revision), today.Revision)
		if today.Canary != nil {
			text += fmt.Sprintf(", of canary %s", today.Canary.Name)
		}
		differ = append(differ, text)
	}
	if e.Parameters != hashParameters(c.given) {
		differ = append(differ, "its parameters have changed since")
	}
	return strings.Join(differ, "; ")
}
