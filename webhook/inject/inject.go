package inject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Inject answers for one pod. The error is a *MalformedPodError when the bytes
// are not a pod; any other is ours. Nothing that it is given is changed, and it
// may be called by many goroutines at once.
func Inject(set *templates.Set, settings *Settings, req *Request) (*Result, error) {
	read := req.Read
	if read == nil {
		var err error
		if read, err = parsePod(req.Pod); err != nil {
			return nil, err
		}
	}
	p := &podView{Pod: read}
	var trace Trace
	if reason, detail := allowed(p, &req.Namespace, settings, &trace); reason != "" {
		r := skipped(p, &trace, reason, detail)
		r.Leftovers = leftBehind(p, set, req.Namespace.Name)
		return r, nil
	}
	trace.Asking = request(p, &req.Namespace)
	entries, faults := parseRequest(trace.Asking.Text, trace.Asking.By, req.Namespace.Name)
	status, statusError := ReadStatus(p.metadata.Annotations)
	entries = matching(entries, set.Matching(req.Namespace.Name, status.withoutLabels(p.metadata.Labels), req.Namespace.Labels))
	all := parameterAnnotations(p, &req.Namespace)
	if len(entries) == 0 && len(faults) == 0 {
		trace.stopped = isRequested
	} else {
		trace.passed.add(isRequested)
	}
	if trace.stopped == isRequested && len(status) == 0 {
		r := skipped(p, &trace, NothingRequested, trace.Asking.nothing())
		r.Warnings = append(r.Warnings, strays(all, nil)...)
		return finished(r), nil
	}
	if err := p.decodeSpec(); err != nil {
		return nil, err
	}
	j := &job{set: set, settings: settings, request: req, pod: p, given: all,
		reader: &podReader{pod: read, namespace: req.Namespace.Name},
		result: &Result{Trace: trace, Instances: make([]Instance, len(entries))},
	}
	j.keepWhole(status, statusError)
	j.result.Warnings = append(j.result.Warnings, strays(all, entries)...)
	for _, f := range faults {
		j.fault(f, nil)
	}
	if err := j.run(entries); err != nil {
		return nil, err
	}
	r := finished(j.result)
	if r.Reason == NothingRequested {
		r.Detail = trace.Asking.nothing()
	}
	r.Leftovers = leftovers(j.status, r.Instances, set, req.Namespace.Name)
	return r, nil
}

func skipped(p *podView, trace *Trace, reason Reason, detail string) *Result {
	r := &Result{Outcome: Skipped, Reason: reason, Detail: detail, Trace: *trace}
	if w := mistaken(p, reason, detail); w != "" {
		r.Warnings = append(r.Warnings, WarningText(w))
	}
	return r
}

// finished puts a result in its final order.
func finished(r *Result) *Result {
	slices.SortStableFunc(r.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Message, b.Message))
	})
	if r.Outcome == "" {
		r.Outcome, r.Reason = overall(r)
	}
	if r.Outcome == Refused {
		r.Operations = nil
		for i := range r.Instances {
			if in := &r.Instances[i]; in.Outcome == Injected {
				in.Outcome = Refused
				in.Detail += "; not injected, because the pod is refused for another reason"
			}
		}
	}
	for _, f := range r.Faults {
		if f.Ignored {
			r.Warnings = append(r.Warnings, f.String()+"; the pod is admitted without it")
		}
	}
	for i, w := range r.Warnings {
		r.Warnings[i] = WarningText(w)
	}
	slices.Sort(r.Warnings)
	r.Warnings = slices.Compact(r.Warnings)
	if more := len(r.Warnings) - maxWarnings; more > 0 {
		r.Warnings = append(r.Warnings[:maxWarnings], fmt.Sprintf("and %d more warnings", more))
	}
	return r
}

// job is one call of Inject under way.
type job struct {
	set      *templates.Set
	settings *Settings
	request  *Request
	pod      *podView
	status   Status // complete entries only
	given    []given
	reader   *podReader
	result   *Result
	repairs  []Operation
	apps     []*appReader
}

// candidate is one instance on its way into the plan.
type candidate struct {
	asked
	rank     int // position in the plan, after sorting by order
	index    int // which of its template's instances it is
	native   bool
	template *templates.Template
	instance *Instance
	given    []given
	targets  []target
	addition *templates.Parts
	trial    *trial
	// orphan is set when a volume that it mounts comes from an instance that stays out.
	orphan bool
	// yielded is set when the instance is left out for what the pod, or another
	// instance, has today.
	yielded bool
}

func (j *job) run(entries []asked) error {
	j.repair()
	var all, fit []*candidate
	for i, e := range entries {
		j.result.Instances[i] = Instance{Name: e.instance, TemplateName: e.template, AskedBy: e.reason}
		c := &candidate{asked: e, instance: &j.result.Instances[i], given: of(j.given, e.instance), index: j.freeIndex(e, all)}
		all = append(all, c)
		ready, err := j.prepare(c)
		if err != nil {
			return err
		}
		if ready {
			fit = append(fit, c)
		}
	}
	slices.SortStableFunc(fit, func(a, b *candidate) int { return cmp.Compare(a.template.Spec.Order, b.template.Spec.Order) })
	for i, c := range fit {
		c.rank = i
	}
	accepted := j.claim(fit)
	if len(accepted) == 0 {
		j.result.Operations = j.repairs
		return nil
	}
	for _, c := range all {
		if _, taken := j.status[c.asked.instance]; c.yielded && !taken {
			j.status[c.asked.instance] = StatusEntry{Template: templateReference(c.template), Revision: c.template.Revision,
				Parameters: hashParameters(c.given), Index: c.index, LeftOut: c.instance.Reason}
		}
	}
	return j.assemble(accepted)
}

// freeIndex is the lowest number that no other instance of the template has, in
// the status or before it in the request.
func (j *job) freeIndex(e asked, before []*candidate) int {
	index := 0
	taken := func() bool {
		for name, entry := range j.status {
			if name != e.instance && entry.Index == index && strings.HasSuffix(entry.Template, "/"+e.template) {
				return true
			}
		}
		return slices.ContainsFunc(before, func(c *candidate) bool { return c.asked.template == e.template && c.index == index })
	}
	for taken() {
		index++
	}
	return index
}

// keepWhole keeps the entries of the status of which everything is there.
func (j *job) keepWhole(status Status, err error) {
	if err != nil {
		j.warn("%s cannot be read and counts for nothing: %v", StatusAnnotation, err)
	}
	j.status = status.whole(j.pod)
}

// mayBeLeftOut are the reasons that an injection writes. The status is the pod
// author's to forge; its text must not become a reason.
func mayBeLeftOut(reason Reason) bool {
	return reason == Conflict || reason == NoTarget || reason == BadParameter
}

// repair puts restartPolicy back where a native sidecar of ours lost it, as it
// does to webhooks that decode pods into types older than the field.
func (j *job) repair() {
	for _, instance := range slices.Sorted(maps.Keys(j.status)) {
		for _, name := range j.status[instance].Sidecars {
			view, _, index := j.pod.container(name)
			if view.RestartPolicy != "" {
				continue
			}
			j.repairs = append(j.repairs, Operation{Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", index), Value: []byte(`"Always"`)})
			j.warn("%s: init container %s had lost restartPolicy: Always, which makes it a sidecar; it was put back", instance, name)
		}
	}
}

// sole refuses a template that matches under a name that the pod gave to an
// instance of another: the two could not be told apart.
func (j *job) sole(c *candidate) bool {
	if c.reason != TemplateMatch {
		return true
	}
	for i := range j.result.Instances {
		other := &j.result.Instances[i]
		if other == c.instance {
			c.pass(nameFree, true)
			return true
		}
		if other.Name != c.asked.instance {
			continue
		}
		if entry, ok := j.set.Lookup(j.request.Namespace.Name, c.asked.template); ok {
			c.template, c.instance.Template = entry.Template, entry.Template
		}
		j.fault(Fault{Reason: Conflict, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("the template matches the pod, but the pod names an instance of template %s so", templates.Quote(other.TemplateName)),
			Fix:     "give the pod's instance another name"}, c)
		return false
	}
	return true
}
