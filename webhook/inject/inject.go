package inject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Inject decides on one pod. The error is a *MalformedPodError if req.Pod is not a pod; any other error is
// internal. Inject does not modify its arguments and is safe for concurrent use.
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
		r := skipped(p, &req.Namespace, &trace, reason, detail)
		r.Leftovers = leftBehind(p, set, req)
		return r, nil
	}
	trace.Asking = request(p, &req.Namespace)
	entries, faults := parseRequest(trace.Asking.Text, trace.Asking.By, req.Namespace.Name)
	status, statusError := ReadStatus(p.metadata.Annotations)
	w := whose(set, req, p)
	entries = matching(entries, set.Matching(&w, status.withoutLabels(p.metadata.Labels)))
	all := parameterAnnotations(p, &req.Namespace)
	declared := declarations{set: set, namespace: req.Namespace.Name}
	if len(entries) == 0 && len(faults) == 0 {
		trace.stopped = isRequested
	} else {
		trace.passed.add(isRequested)
	}
	if trace.stopped == isRequested && len(status) == 0 {
		r := skipped(p, &req.Namespace, &trace, NothingRequested, trace.Asking.nothing())
		r.Warnings = append(r.Warnings, stray(p, all, nil, declared)...)
		return finished(r), nil
	}
	if err := p.decodeSpec(); err != nil {
		return nil, err
	}
	j := newJob(set, settings, req, p, all)
	j.whose = w
	if set.HasCanaries() {
		j.result.set, j.result.whose = set, &j.whose
	}
	j.result.Trace = trace
	j.keepWhole(status, statusError)
	if len(faults) > 0 {
		all = nil // an unreadable request does not say whose parameters these are
	}
	j.result.Warnings = append(j.result.Warnings, stray(p, all, entries, declared)...)
	if nameless := p.nameless(); len(nameless) > 0 {
		faults, entries = append(faults, nameless...), nil // templates address containers by name
	}
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
	r.Leftovers = leftovers(j.status, r.Instances, set, &w)
	return r, nil
}

func skipped(p *podView, ns *Namespace, trace *Trace, reason Reason, detail string) *Result {
	r := &Result{Outcome: Skipped, Reason: reason, Detail: detail, Trace: *trace}
	if w := mistaken(p, ns, reason, detail); w != "" {
		r.Warnings = append(r.Warnings, WarningText(w))
	}
	return r
}

// finished puts a result into its final form: texts are made printable, faults sorted, the overall outcome
// is set, and warnings are sorted and limited.
func finished(r *Result) *Result {
	r.printable()
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

// job is the state of one call of Inject.
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
	work     budget
	whose    templates.Workload

	owned        names         // containers that the status lists
	others       int           // entries of the status that are not requested now
	claimVolumes names         // see claimVolume
	volumes      []string      // see podVolumes
	templates    []string      // the names of all templates; nil until one is not found
	compared     int           // see nearestTemplate
	written      *Owner        // see workload
	planned      *targetClaims // of the instances that are added
	own, init    []target      // see ownContainers and ownInitContainers; nil until first used
	sidecars     []target      // see ownInitContainers
}

func newJob(set *templates.Set, settings *Settings, req *Request, pod *podView, all []given) *job {
	return &job{set: set, settings: settings, request: req, pod: pod, given: all,
		reader: &podReader{pod: pod.Pod, namespace: req.Namespace.Name, claims: req.ClaimVolumes}, result: &Result{}, work: newBudget(len(pod.raw))}
}

// candidate is one instance that is being decided on.
type candidate struct {
	asked
	number   int // position in the request
	found    templates.Entry
	known    bool // a template of that name exists; it is found
	ready    bool // to be planned
	rank     int  // position in the plan, after sorting by order
	index    int  // the instance's index among those of its template
	native   bool
	template *templates.Template
	instance *Instance
	given    []given
	targets  []target
	addition *templates.Parts
	trial    *trial
	// orphan is set when a volume that it mounts comes from an instance that stays out.
	orphan bool
	// yielded is set when the instance is left out because of the pod's present contents or of another
	// instance.
	yielded bool
}

func (j *job) run(entries []asked) error {
	j.repair()
	all := j.candidates(entries)
	for _, c := range inTurn(all) {
		if err := j.prepare(c); err != nil {
			return err
		}
	}
	fit := make([]*candidate, 0, len(all))
	for _, c := range all {
		if c.ready {
			fit = append(fit, c)
		}
	}
	slices.SortStableFunc(fit, func(a, b *candidate) int { return cmp.Compare(a.template.Spec.Order, b.template.Spec.Order) })
	for i, c := range fit {
		c.rank = i
	}
	accepted := j.claim(fit)
	if first := j.request.First; first > 0 && first < len(accepted) {
		accepted = accepted[:first]
	}
	j.result.Work = j.work.spent
	if len(accepted) == 0 {
		j.result.Operations = j.repairs
		return nil
	}
	for _, c := range accepted {
		j.checkToken(c)
	}
	for _, c := range all {
		if _, taken := j.status[c.asked.instance]; c.yielded && !taken {
			j.status[c.asked.instance] = StatusEntry{Template: templateReference(c.template), Revision: c.template.Revision,
				Parameters: hashParameters(c.given), Index: c.index, LeftOut: c.instance.Reason}
		}
	}
	return j.assemble(accepted)
}

// candidates returns the requested instances, in the order of the request.
func (j *job) candidates(entries []asked) []*candidate {
	j.result.Instances = make([]Instance, len(entries))
	list, all := make([]candidate, len(entries)), make([]*candidate, len(entries))
	j.others = len(j.status)
	for i, e := range entries {
		j.result.Instances[i] = Instance{Name: e.instance, TemplateName: e.template, AskedBy: e.reason}
		if _, there := j.status[e.instance]; there {
			j.others--
		}
		list[i] = candidate{asked: e, number: i, instance: &j.result.Instances[i], given: of(j.given, e.instance)}
		all[i] = &list[i]
		all[i].found, all[i].known = j.set.Get(&j.whose, e.template)
	}
	j.setIndexes(all)
	return all
}

// inTurn returns the candidates in the order in which they may spend the common budget: those that the pod
// requires come first, then those whose policy is Ignore, and of these the cluster's templates before those
// of a namespace.
func inTurn(all []*candidate) []*candidate {
	if len(all) < 2 {
		return all
	}
	yields := func(c *candidate) int {
		switch t := c.found.Template; {
		case t == nil || t.FailurePolicy != v1alpha1.Ignore:
			return 0
		case t.Namespace == "":
			return 1
		}
		return 2
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *candidate) int { return yields(a) - yields(b) })
	return sorted
}

// setIndexes sets each instance's index: the lowest number that no other instance of its template has,
// neither in the status nor earlier in the request.
func (j *job) setIndexes(all []*candidate) {
	if len(j.status) == 0 && len(all) < 2 {
		return
	}
	type use struct {
		template string
		index    int
	}
	users := map[use]int{}
	for _, entry := range j.status {
		if at := strings.LastIndexByte(entry.Template, '/'); at >= 0 {
			users[use{entry.Template[at+1:], entry.Index}]++
		}
	}
	for _, c := range all {
		own, _ := j.status[c.asked.instance]
		mine := strings.HasSuffix(own.Template, "/"+c.asked.template)
		for {
			others := users[use{c.asked.template, c.index}]
			if mine && own.Index == c.index {
				others-- // its own entry
			}
			if others <= 0 {
				break
			}
			c.index++
		}
		users[use{c.asked.template, c.index}]++
	}
}

// keepWhole sets j.status to the entries whose containers and volumes are all in the pod.
func (j *job) keepWhole(status Status, err error) {
	if err != nil {
		j.warn("%s cannot be read and counts for nothing: %v", StatusAnnotation, err)
	}
	j.status = status.whole(j.pod)
	j.owned = j.status.containers()
}

// mayBeLeftOut reports whether an injection writes this reason into the status. The pod's author can forge
// the status, so any other text must not be taken for a reason.
func mayBeLeftOut(reason Reason) bool {
	return reason == Conflict || reason == NoTarget || reason == BadParameter || reason == ValidationFailed
}

// repair restores restartPolicy: Always of native sidecars from an earlier injection. Webhooks that decode
// pods into types older than that field drop it.
func (j *job) repair() {
	if len(j.status) == 0 {
		return
	}
	var warnings textList
	for _, instance := range slices.Sorted(maps.Keys(j.status)) {
		for _, name := range j.status[instance].Sidecars {
			view, _, index := j.pod.container(name)
			if view.RestartPolicy != "" {
				continue
			}
			view.RestartPolicy = "Always"
			j.repairs = append(j.repairs, Operation{Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", index), Value: []byte(`"Always"`)})
			warnings.add("%s: init container %s had lost restartPolicy: Always, which makes it a sidecar; it was put back", instance, name)
		}
	}
	j.result.Warnings = append(j.result.Warnings, warnings.all("repairs")...)
}

// sole rejects an instance of a matching template if the pod requests an instance of another template under
// the same name.
func (j *job) sole(c *candidate) bool {
	if c.reason != TemplateMatch {
		return true
	}
	for i := range j.result.Instances {
		other := &j.result.Instances[i]
		if other == c.instance || other.AskedBy == TemplateMatch { // matching templates come last, and each name occurs once among them
			c.pass(nameFree, true)
			return true
		}
		if other.Name != c.asked.instance {
			continue
		}
		c.template, c.instance.Template = c.found.Template, c.found.Template
		j.fault(Fault{Reason: Conflict, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("the template matches the pod, but the pod names an instance of template %s so", message.Quote(other.TemplateName)),
			Fix:     "give the pod's instance another name"}, c)
		return false
	}
	return true
}
