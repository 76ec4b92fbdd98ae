package inject

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// prepare takes one instance through rows 7 to 10 of the decision up to its
// rendering. It reports whether the instance is ready to be planned; if not, its
// outcome is set.
func (j *job) prepare(c *candidate) (bool, error) {
	if !j.sole(c) {
		return false, nil
	}
	// A pod that has the sidecar keeps it, whatever became of the template since.
	if entry, known := j.set.Lookup(j.request.Namespace.Name, c.asked.template); j.alreadyInjected(c, entry.Template) || !j.find(c, entry, known) || j.unsupported(c) {
		return false, nil
	}
	faults := j.readNative(c)
	values, shown, wrong := bind(c.template, c.asked.instance, c.given, j.request.Namespace.Name)
	faults = append(faults, wrong...)
	targets, fault := chooseTargets(c.template, c.asked.instance, c.given, j.pod, j.status, j.request.Namespace.Name)
	if fault != nil {
		faults = append(faults, *fault)
	}
	overrides, wrong := readOverride(c, j.request.Namespace.Name)
	faults = append(faults, wrong...)
	c.instance.Parameters, c.targets = shown, targets
	if len(faults) > 0 {
		if j.neverCompletes(c, nil) {
			return false, nil
		}
		for _, f := range faults {
			j.fault(f, c)
			c.yielded = c.yielded || f.Reason == NoTarget && c.template.FailurePolicy == v1alpha1.Ignore
		}
		return false, nil
	}
	rendered, err := j.render(c, values)
	if invalid := (*templates.RenderError)(nil); errors.As(err, &invalid) {
		j.crashed(c, invalid)
		j.fault(Fault{Reason: TemplateInvalid, Instance: c.asked.instance, Place: "template " + templates.Quote(c.template.Name),
			Message: invalid.Error(), Fix: "mend the template"}, c)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("instance %s: %w", templates.Quote(c.asked.instance), err)
	}
	addition, faults := newAddition(c, rendered, overrides)
	for _, f := range faults {
		j.fault(f, c)
	}
	c.addition = addition
	return len(faults) == 0 && !j.neverCompletes(c, addition), nil
}

func (j *job) render(c *candidate, values templates.Parameters) (*templates.Rendered, error) {
	in := j.input(c, values)
	j.needs(c, in)
	return c.template.Render(in)
}

func (j *job) input(c *candidate, values templates.Parameters) *templates.Input {
	in := &templates.Input{
		Parameters: values, Instance: c.asked.instance, Index: c.index, Native: c.native, Pod: j.reader,
		NamespaceName:        j.request.Namespace.Name,
		NamespaceLabels:      j.request.Namespace.Labels,
		NamespaceAnnotations: j.request.Namespace.Annotations,
		Cluster:              j.settings.Cluster,
	}
	if len(c.targets) > 0 {
		in.App = j.app(c.targets[0].view)
	}
	return in
}

// needs tells the permissions, if somebody wants to know them. That they cannot be told
// changes nothing about the pod.
func (j *job) needs(c *candidate, in *templates.Input) {
	if !j.request.Permissions {
		return
	}
	permissions, err := c.template.Permissions(in)
	if err != nil {
		if invalid := (*templates.RenderError)(nil); errors.As(err, &invalid) {
			j.crashed(c, invalid)
		}
		c.instance.Notes = append(c.instance.Notes, fmt.Sprintf("which rights the sidecar needs cannot be told: %v", err))
		return
	}
	c.instance.Permissions = permissions
}

// crashed keeps the stack of a panic in the template for the log.
func (j *job) crashed(c *candidate, err *templates.RenderError) {
	if err.Stack != "" {
		j.result.Crashes = append(j.result.Crashes, Crash{Instance: c.asked.instance, Template: c.template.Name, Stack: err.Stack})
	}
}

// app reads a container for the expressions of all instances that target it.
func (j *job) app(view *containerView) *appReader {
	for _, a := range j.apps {
		if a.view == view {
			return a
		}
	}
	a := &appReader{view: view}
	j.apps = append(j.apps, a)
	return a
}

// find takes the template that the look-up gave; without one that can be
// rendered, the instance is at fault.
func (j *job) find(c *candidate, entry templates.Entry, known bool) bool {
	place := func() string { return requestPlace(c.reason, j.request.Namespace.Name) }
	if !known {
		fix := "sidecar-injector templates list shows what there is"
		names := j.set.Names(j.request.Namespace.Name)
		if near := templates.Nearest(c.asked.template, names); near != "" {
			fix = fmt.Sprintf("did you mean %s?", near)
		}
		j.fault(Fault{Reason: UnknownTemplate, Instance: c.asked.instance, Place: place(),
			Message: fmt.Sprintf("template %s does not exist", templates.Quote(c.asked.template)), Fix: fix}, c)
		return false
	}
	if entry.Template == nil {
		message := fmt.Sprintf("template %s has faults", templates.Quote(c.asked.template))
		if len(entry.Findings) > 0 {
			message += ": " + entry.Findings[0].String()
		}
		j.fault(Fault{Reason: TemplateInvalid, Instance: c.asked.instance, Place: place(), Message: message, Fix: "mend the template"}, c)
		return false
	}
	c.template, c.instance.Template = entry.Template, entry.Template
	return true
}

// skip records a decision against an instance that is nobody's mistake; whoever
// asked for it by name is told.
func (j *job) skip(c *candidate, reason Reason, detail string) {
	c.instance.Outcome, c.instance.Reason, c.instance.Detail = Skipped, reason, detail
	if c.reason != TemplateMatch {
		j.warn("%s is not injected: %s", c.asked.instance, detail)
	}
}

func (j *job) unsupported(c *candidate) bool {
	switch {
	case j.pod.spec.Windows && !slices.Contains(c.template.Spec.Supports, v1alpha1.SupportWindows):
		j.skip(c, WindowsPod, "the pod runs on Windows, which the template does not support")
	case j.pod.spec.HostNetwork && !slices.Contains(c.template.Spec.Supports, v1alpha1.SupportHostNetwork):
		j.skip(c, HostNetwork, "the pod uses the node's network, which the template does not support")
	default:
		return false
	}
	return true
}

// neverCompletes keeps a sidecar that goes on for ever out of a pod that has to
// end. Without an addition (the instance has faults) the template's own
// containers are looked at as written.
func (j *job) neverCompletes(c *candidate, a *templates.Parts) bool {
	if !j.pod.mustEnd() || c.template.Spec.Completes {
		return false
	}
	regular := a != nil && len(a.Regular) > 0
	if a == nil {
		regular = c.template.HasContainers() || !c.native && c.template.HasSidecars()
	}
	if regular {
		j.skip(c, NeverCompletes, fmt.Sprintf("the pod's restartPolicy is %s, and a regular container that never ends would keep it from completing", j.pod.spec.RestartPolicy))
	}
	return regular
}

// readNative decides between native sidecars and regular containers.
func (j *job) readNative(c *candidate) []Fault {
	c.native = !j.settings.ContainerMode
	g, ok := lookup(c.given, nativeParameter)
	if !ok {
		return nil
	}
	switch g.text {
	case "true", "false":
		c.native = g.text == "true"
		return nil
	}
	return []Fault{{Reason: BadParameter, Instance: c.asked.instance, Place: g.place(j.request.Namespace.Name),
		Message: fmt.Sprintf("want \"true\" or \"false\", got %s", templates.Quote(g.text)), Fix: "\"true\": native sidecars; \"false\": regular containers"}}
}

// fault records a mistake; c is the instance at fault, or nil when the request
// itself is. The policy decides whether the pod is refused for it.
func (j *job) fault(f Fault, c *candidate) {
	policy := j.settings.OnUnknownTemplate
	// Nobody asked for a template that matches: its own policy decides about everything.
	if c != nil && c.template != nil && (c.reason == TemplateMatch || f.Reason != TemplateInvalid && f.Reason != BadRequest) {
		policy = c.template.FailurePolicy
	}
	f.Ignored = policy == v1alpha1.Ignore
	j.result.Faults = append(j.result.Faults, f)
	if c == nil {
		return
	}
	c.instance.Reason, c.instance.Detail = f.Reason, f.String()
	c.instance.Outcome = Refused
	if f.Ignored {
		c.instance.Outcome = AdmittedWithout
	}
}

func (j *job) warn(format string, args ...any) {
	j.result.Warnings = append(j.result.Warnings, fmt.Sprintf(format, args...))
}
