package inject

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// prepare applies rows 7 to 10 of the decision table to one instance, up to its rendering. It sets c.ready
// if the instance can be planned; otherwise its outcome is set.
func (j *job) prepare(c *candidate) error {
	// A pod that already has the sidecar keeps it, even if the template was removed or broken since.
	if !j.sole(c) || j.alreadyInjected(c) || !j.find(c) || j.unsupported(c) || j.crowded(c) {
		j.showParameters(c)
		return nil
	}
	var faults faultList
	faults.add(j.readNative(c)...)
	values, shown, wrong := j.bind(c)
	faults.add(wrong...)
	c.pass(parametersFit, len(faults.told) == 0)
	targets, fault := j.chooseTargets(c)
	if fault != nil {
		faults.add(*fault)
	}
	c.pass(targetsThere, fault == nil)
	overrides, wrong := readOverride(c, j.request.Namespace.Name)
	if len(overrides) > 0 {
		wrong = append(wrong, append(j.checkClaims(c, overrides), j.tooNew(c, overrides)...)...)
	}
	c.pass(overrideRead, len(wrong) == 0)
	faults.add(wrong...)
	c.instance.Parameters, c.targets = shown, targets
	if len(faults.told) > 0 {
		if j.neverCompletes(c, nil) {
			return nil
		}
		j.faults(&faults, c)
		c.yielded = fault != nil && c.template.FailurePolicy == v1alpha1.Ignore
		return nil
	}
	rendered, err := j.render(c, values)
	if err != nil || rendered == nil {
		return err
	}
	c.pass(templateRenders, true)
	addition, wrong := j.newAddition(c, rendered, overrides)
	c.pass(namesValid, len(wrong) == 0)
	faults.add(wrong...)
	j.faults(&faults, c)
	if len(faults.told) > 0 {
		return nil
	}
	c.addition = j.completing(c, addition)
	c.ready = !j.neverCompletes(c, c.addition)
	return nil
}

// showParameters sets the parameters of an instance that is decided on without them. Faults in them are
// ignored.
func (j *job) showParameters(c *candidate) {
	if c.template != nil {
		_, c.instance.Parameters, _ = j.bind(c)
	}
}

// render returns what the template adds, or nil if the instance has faults.
func (j *job) render(c *candidate, values templates.Parameters) (*templates.Rendered, error) {
	if !j.mayRender(c) {
		return nil, nil
	}
	in := j.input(c, values)
	j.needs(c, in)
	j.evaluate(c, in)
	rendered, err := c.template.Render(in)
	if err != nil {
		return nil, j.notRendered(c, err)
	}
	if f := j.rendered(c, rendered.Cost); f != nil {
		j.fault(*f, c)
		return nil, nil
	}
	c.pass(demandsMet, true)
	j.warned(c, rendered.Warnings)
	j.warned(c, c.template.Doubts(func(name string) (string, bool) {
		g, ok := lookup(c.given, name)
		return g.text, ok
	}))
	return rendered, nil
}

// notRendered records why an instance cannot be rendered. The error is internal.
func (j *job) notRendered(c *candidate, err error) error {
	invalid, unmet := (*program.Error)(nil), (*templates.ValidationError)(nil)
	switch {
	case errors.As(err, &unmet):
		if f := j.rendered(c, unmet.Cost); f != nil {
			j.fault(*f, c)
			return nil
		}
		j.refuse(c, unmet.Failures)
	case errors.As(err, &invalid):
		j.crashed(c, invalid)
		if f := j.rendered(c, invalid.Cost); f != nil {
			j.fault(*f, c)
			return nil
		}
		for _, f := range j.blame(c, invalid) {
			j.fault(f, c)
		}
	default:
		return fmt.Errorf("instance %s: %w", message.Quote(c.asked.instance), err)
	}
	return nil
}

// blame attributes a rendering error: to the given parameters that the failed expression reads, or else to
// the template. A value that the template lists is blamed only if no other is given: its author knew of it.
func (j *job) blame(c *candidate, e *program.Error) []Fault {
	var faults []Fault
	names := slices.DeleteFunc(slices.Clone(e.Parameters), func(name string) bool {
		return len(entries(c.given, name)) == 0 || c.template.Lists(name)
	})
	if len(names) == 0 {
		names = e.Parameters
	}
	for _, name := range names {
		all := entries(c.given, name)
		if len(all) == 0 || len(faults) == maxUnknown {
			continue
		}
		g := all[0]
		faults = append(faults, Fault{Reason: BadParameter, Instance: c.asked.instance, Place: g.place(j.request.Namespace.Name),
			Message: fmt.Sprintf("parameter %s: the template does not take this value: %v", message.Quote(name), e),
			Fix:     "give it another value; sidecar-injector templates show " + c.template.Name + " says what it means"})
	}
	if len(faults) == 0 {
		faults = append(faults, Fault{Reason: TemplateInvalid, Instance: c.asked.instance, Place: "template " + message.Quote(c.template.Name),
			Message: e.Error(), Fix: "mend the template"})
	}
	return faults
}

func (j *job) input(c *candidate, values templates.Parameters) *templates.Input {
	in := &templates.Input{
		Parameters: values, Instance: c.asked.instance, Index: c.index, Native: c.native, Pod: j.reader,
		NamespaceName:        j.request.Namespace.Name,
		NamespaceLabels:      j.request.Namespace.Labels,
		NamespaceAnnotations: j.request.Namespace.Annotations,
		Cluster:              j.settings.Cluster,
		Cover:                j.request.Cover,
	}
	if c.template.ReadsWorkload() {
		in.WorkloadKind, in.WorkloadName = j.workload()
	}
	if len(c.targets) > 0 {
		in.App = j.app(c.targets[0].view)
	}
	if c.template.ReadsTarget() {
		in.Targets = make([]templates.AppReader, 0, len(c.targets))
		for _, target := range c.targets {
			in.Targets = append(in.Targets, j.app(target.view))
		}
	}
	return in
}

// needs sets the permissions if the request asks for them, or if checkToken will need them. A failure does
// not affect the pod.
func (j *job) needs(c *candidate, in *templates.Input) {
	if !j.request.Permissions && (!j.declinesToken() || c.template.Spec.Permissions == nil) {
		return
	}
	if !j.mayAsk() {
		c.instance.Notes = append(c.instance.Notes, "which rights the sidecar needs is not told: those of the sidecars before it took too much work to tell")
		return
	}
	permissions, cost, err := c.template.Permissions(in)
	j.asked(cost)
	if err != nil {
		if invalid := (*program.Error)(nil); errors.As(err, &invalid) {
			j.crashed(c, invalid)
		}
		c.instance.Notes = append(c.instance.Notes, fmt.Sprintf("which rights the sidecar needs cannot be told: %v", err))
		return
	}
	c.instance.Permissions = permissions
}

// evaluate sets the values of variables and expressions if the request asks for them. A failure does not
// affect the pod.
func (j *job) evaluate(c *candidate, in *templates.Input) {
	if !j.request.Evaluations {
		return
	}
	if !j.mayAsk() {
		c.instance.Notes = append(c.instance.Notes, "what its expressions come to is not told: those of the sidecars before it took too much work to tell")
		return
	}
	// The rendering fails with the same error and reports it.
	evaluations, own, _ := c.template.Evaluate(in)
	c.instance.Variables, c.instance.Evaluations = append(c.template.Variables(in), own...), evaluations
	cost := uint64(0)
	for i := range c.instance.Evaluations {
		cost += c.instance.Evaluations[i].Cost
	}
	j.asked(cost)
}

// declinesToken reports whether the pod opts out of the service account's token. The service account can do
// that as well, which is not checked.
func (j *job) declinesToken() bool { return j.pod.spec.MountsToken != nil && !*j.pod.spec.MountsToken }

// checkToken warns if a sidecar needs the token that the pod opts out of. Such a sidecar would fail, and a
// native one would keep the app from starting.
func (j *job) checkToken(c *candidate) {
	if j.declinesToken() && len(c.instance.Permissions) > 0 {
		j.warn("spec.automountServiceAccountToken is false, but sidecar %s needs the service account's token: remove that line", message.Quote(c.asked.instance))
	}
}

// crashed records the stack of a panic in the template, for the log.
func (j *job) crashed(c *candidate, err *program.Error) {
	if err.Stack != "" {
		j.result.Crashes = append(j.result.Crashes, Crash{Instance: c.asked.instance, Template: c.template.Name, Stack: err.Stack})
	}
}

// app returns the reader of a container, which the expressions of all instances share.
func (j *job) app(view *containerView) *appReader {
	if view.reader == nil {
		view.reader = &appReader{view: view}
		j.apps = append(j.apps, view.reader)
	}
	return view.reader
}

// find sets the template of a candidate. It reports false, after recording a fault, if the template is
// unknown or broken.
func (j *job) find(c *candidate) bool {
	if !c.known {
		j.fault(j.unknown(c), c)
		return false
	}
	c.pass(templateKnown, true)
	if c.found.Template == nil {
		message := fmt.Sprintf("template %s has faults", message.Quote(c.asked.template))
		if len(c.found.Findings) > 0 {
			message += ": " + c.found.Findings[0].String()
		}
		j.fault(Fault{Reason: TemplateInvalid, Instance: c.asked.instance, Place: requestPlace(c.reason, j.request.Namespace.Name),
			Message: message, Fix: "mend the template"}, c)
		return false
	}
	c.pass(templateLoads, true)
	c.template, c.instance.Template = c.found.Template, c.found.Template
	return true
}

// skip records a decision against an instance that is not a mistake. A warning is added if the instance was
// requested by name, or if the template's policy is Fail.
func (j *job) skip(c *candidate, reason Reason, detail string) {
	c.instance.Outcome, c.instance.Reason, c.instance.Detail = Skipped, reason, detail
	if c.reason != TemplateMatch || c.template.FailurePolicy == v1alpha1.Fail {
		j.warn("%s is not injected: %s", c.asked.instance, detail)
	}
}

func (j *job) unsupported(c *candidate) bool {
	if j.pod.spec.Windows && !slices.Contains(c.template.Spec.Supports, v1alpha1.SupportWindows) {
		j.skip(c, WindowsPod, "the pod runs on Windows, which the template does not support")
		return true
	}
	c.pass(notWindows, true)
	if j.pod.spec.HostNetwork && !slices.Contains(c.template.Spec.Supports, v1alpha1.SupportHostNetwork) {
		j.skip(c, HostNetwork, "the pod uses the node's network, which the template does not support")
		return true
	}
	c.pass(notHostNetwork, true)
	return false
}

// completing drops the template's regular containers from a pod that has to complete, if native sidecars do
// the work: a debug container beside them must not exclude the pod from the whole template.
func (j *job) completing(c *candidate, a *templates.Parts) *templates.Parts {
	if !j.pod.mustEnd() || c.template.Spec.Completes || !c.native || len(a.Regular) == 0 ||
		!slices.ContainsFunc(a.Init, func(c templates.Container) bool { return c.Sidecar }) {
		return a
	}
	var left []string
	for i := range a.Regular {
		left = append(left, a.Regular[i].Name)
	}
	j.warn("%s: %s left out: the pod's restartPolicy is %s, and a regular container that never ends would keep it from completing",
		c.asked.instance, listed(left), j.pod.spec.RestartPolicy)
	rest := *a // other pods share it
	rest.Regular = nil
	return &rest
}

// neverCompletes skips an instance whose regular containers never end, in a pod that has to complete. If a
// is nil because the instance has faults, the template's containers are examined as written.
func (j *job) neverCompletes(c *candidate, a *templates.Parts) bool {
	regular := a != nil && len(a.Regular) > 0
	switch {
	case !j.pod.mustEnd() || c.template.Spec.Completes:
		regular = false
	case a == nil && c.native:
		regular = c.template.HasContainers() && !c.template.HasSidecars()
	case a == nil:
		regular = c.template.HasContainers() || c.template.HasSidecars()
	}
	if regular {
		detail := fmt.Sprintf("the pod's restartPolicy is %s, and a regular container that never ends would keep it from completing", j.pod.spec.RestartPolicy)
		if g, ok := lookup(c.given, nativeParameter); ok && !c.native {
			detail += fmt.Sprintf("; a native sidecar ends with the app: remove %s", g.place(j.request.Namespace.Name))
		}
		j.skip(c, NeverCompletes, detail)
	}
	c.pass(podCompletes, !regular)
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
		Message: fmt.Sprintf("want \"true\" or \"false\", got %s", message.Quote(g.text)), Fix: "\"true\": native sidecars; \"false\": regular containers"}}
}

// fault records a mistake; c is the instance at fault, or nil if the request itself is. The policy decides
// whether the pod is refused.
func (j *job) fault(f Fault, c *candidate) {
	policy := j.settings.OnUnknownTemplate
	// A matching template was not requested, so its own policy applies to all its faults.
	if c != nil && c.template != nil && (c.reason == TemplateMatch || f.Reason != TemplateInvalid && f.Reason != BadRequest) {
		policy = c.template.FailurePolicy
	}
	f.Ignored = policy == v1alpha1.Ignore
	f.Index = j.number(c)
	if c != nil && c.template != nil && c.template.Canary != nil { // the pod's author knows the template, not its canary
		f.Message += fmt.Sprintf("; of template %s, canary %s counts here", message.Quote(c.template.Name), message.Quote(c.template.Canary.Name))
	}
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

// faults records the faults of one instance, plus one that says that there are more. The instance's reason
// is that of the last listed fault.
func (j *job) faults(list *faultList, c *candidate) {
	for _, f := range list.told {
		j.fault(f, c)
	}
	if list.more {
		f := list.told[len(list.told)-1]
		j.result.Faults = append(j.result.Faults, Fault{Reason: f.Reason, Instance: c.asked.instance, Index: c.number, Place: c.place(), Ignored: c.instance.Outcome == AdmittedWithout,
			Message: fmt.Sprintf("there are more faults than the %d that are told", len(list.told)), Fix: "mend these first"})
	}
}

// noInstance is the Index of a fault that belongs to no instance.
const noInstance = -1

// number returns the candidate's index among the instances.
func (j *job) number(c *candidate) int {
	if c == nil {
		return noInstance
	}
	return c.number
}

func (j *job) warn(format string, args ...any) {
	j.result.Warnings = append(j.result.Warnings, fmt.Sprintf(format, args...))
}
