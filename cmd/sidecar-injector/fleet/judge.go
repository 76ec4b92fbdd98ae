package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Today holds what decides on pods now.
type Today struct {
	Set      *templates.Set
	Settings *inject.Settings
	Server   Server
	// Now is the time of the comparison.
	Now time.Time
	// Doubt, if not nil, returns why it is unknown what the injector does with a template.
	Doubt func(namespace, template string) Doubt
}

// Doubt says why Set and Settings are not sufficient to determine what the injector does with a template.
// The zero value means that they are.
type Doubt struct {
	Why string
	// Always is true if something else than the template may decide: then each sidecar is in doubt that is not
	// just as Set and Settings give it, revision included. It is false if the template is broken while the
	// injector still has the version Revision in force: then only what that template gives is in doubt.
	Always   bool
	Revision string
}

// Judge compares a pod with a new one in its place.
func (t *Today) Judge(namespace inject.Namespace, pod []byte) (*Standing, error) {
	running, err := decodePod(pod)
	if err != nil {
		return nil, err
	}
	// An unreadable status counts as empty; the injector warns about it.
	status, _ := statusOf(running)
	j := &judgement{Today: t, namespace: namespace, running: running, status: status}
	return j.run()
}

// judgement is the comparison of one pod.
type judgement struct {
	*Today
	namespace inject.Namespace
	running   object
	status    inject.Status
	stripped  object
	result    *inject.Result
	// partial is true if the result leaves out sidecars of which the injector may know more.
	partial  bool
	standing Standing
}

func (j *judgement) run() (*Standing, error) {
	j.stripped = j.running
	if len(j.status) > 0 {
		j.stripped = strip(j.running, j.status)
	}
	if err := j.decide(); err != nil {
		return nil, err
	}
	j.decided()
	if err := j.leftovers(); err != nil {
		return nil, err
	}
	if err := j.compared(); err != nil {
		return nil, err
	}
	j.troubles()
	j.declined()
	return &j.standing, nil
}

func (j *judgement) inject(pod object, settings *inject.Settings) (*inject.Result, error) {
	text, err := json.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	return inject.Inject(j.Set, settings, &inject.Request{Pod: text, Namespace: j.namespace})
}

// decide injects into the pod as it was before. If that fails only for templates that cannot be judged, the
// result is that of the others alone, so that they can be.
func (j *judgement) decide() (err error) {
	if j.result, err = j.inject(j.stripped, j.Settings); err != nil || j.result.Outcome != inject.Refused || j.Doubt == nil {
		return err
	}
	for _, f := range j.result.Faults {
		if f.Ignored {
			continue
		}
		if f.Index < 0 {
			return nil
		}
		if d := j.Doubt(j.namespace.Name, j.result.Instances[f.Index].TemplateName); d.Why == "" {
			return nil
		}
	}
	lenient := *j.Settings
	lenient.OnUnknownTemplate = v1alpha1.Ignore
	j.partial = true
	j.result, err = j.inject(j.stripped, &lenient)
	return err
}

// has returns the status entry of a sidecar that is in the pod.
func (j *judgement) has(instance string) (inject.StatusEntry, bool) {
	e, ok := j.status[instance]
	return e, ok && e.LeftOut == ""
}

// decided sets the state of each requested sidecar according to the decision on a new pod.
func (j *judgement) decided() {
	for n := range j.result.Instances {
		in := &j.result.Instances[n]
		i := Instance{Name: in.Name, Template: in.TemplateName, Outcome: in.Outcome}
		i.today(in.Template)
		entry, there := j.has(in.Name)
		if in.Outcome != inject.Injected && entry.TemplateName() != in.TemplateName {
			entry, there = inject.StatusEntry{}, false // a sidecar of another template has the name
		}
		if there {
			i.Revision = entry.Revision
		}
		switch in.Outcome {
		case inject.Injected:
			if !there {
				i.State, i.Why = Missed, "asked for, and not there"
			}
		case inject.Refused:
			i.State, i.Why = Blocked, "a new pod would be refused: "+in.Detail
		case inject.AdmittedWithout:
			i.State, i.Why = Blocked, "a new pod would be admitted without it: "+in.Detail
		default:
			if !there {
				continue
			}
			i.State, i.Why = OptedOut, "a new pod would not get it: "+in.Detail
		}
		if in.Outcome != inject.Injected || !there { // else see compared
			j.doubt(&i, entry)
		}
		j.standing.Instances = append(j.standing.Instances, i)
	}
	for _, f := range j.result.Faults {
		if f.Index < 0 && !f.Ignored {
			j.standing.Instances = append(j.standing.Instances, Instance{State: Blocked, Why: "a new pod would be refused: " + f.String()})
			break
		}
	}
}

// today sets the revision that a new pod would get; t is nil if there is no such template.
func (i *Instance) today(t *templates.Template) {
	if t == nil {
		return
	}
	i.Today = t.Revision
	if t.Canary != nil {
		i.Canary = t.Canary.Name
	}
}

// doubt replaces the state of an instance that what is known does not determine.
func (j *judgement) doubt(i *Instance, entry inject.StatusEntry) {
	if j.Doubt == nil {
		return
	}
	d := j.Doubt(j.namespace.Name, i.Template)
	if d.Why == "" || !d.Always && i.Outcome != "" && i.State != Blocked {
		return
	}
	i.State, i.Why, i.Today, i.Canary, i.Changes = Unknown, d.Why, d.Revision, "", nil
	if i.Outcome != "" && d.Revision != "" && entry.Revision == d.Revision && entry.TemplateName() == i.Template {
		i.State, i.Why = Current, ""
	}
}

// leftovers adds the sidecars that nothing requests now.
func (j *judgement) leftovers() error {
	var names []string
	for name := range j.status {
		_, there := j.has(name)
		if there && !slices.ContainsFunc(j.result.Instances, func(in inject.Instance) bool { return in.Name == name }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	// The decision about the pod as it is knows which revision counts for its workload.
	asIs, err := j.inject(j.running, j.Settings)
	if err != nil {
		return err
	}
	refused := j.result.Outcome == inject.Refused
	for _, name := range names {
		e := j.status[name]
		i := Instance{Name: name, Template: e.TemplateName(), Revision: e.Revision, State: OptedOut, Why: "nothing asks for it now"}
		if n := slices.IndexFunc(asIs.Leftovers, func(l inject.Leftover) bool { return l.Name == name }); n >= 0 {
			i.today(asIs.Leftovers[n].Today)
		}
		switch {
		case refused:
			i.State, i.Why = Blocked, "a new pod would be refused"
		case j.result.Detail != "":
			i.Why = j.result.Detail
		}
		if j.result.Outcome != inject.Skipped || j.result.Reason == inject.NothingRequested { // else labels declined
			j.doubt(&i, e)
		}
		j.standing.Instances = append(j.standing.Instances, i)
	}
	return nil
}

// compared finds the differences between the sidecars that a new pod would get and those in the pod.
func (j *judgement) compared() error {
	of, containers, volumes := j.toCompare()
	if len(of) == 0 {
		return nil
	}
	want, err := apply(j.stripped, j.result.Operations)
	if err != nil {
		return err
	}
	today, err := statusOf(want)
	if err != nil {
		return err
	}
	kin := func(name string) bool {
		now, then := today[name], j.status[name]
		return now.Template == then.Template && now.Revision == then.Revision && now.Parameters == then.Parameters
	}
	stale := slices.ContainsFunc(of, func(i *Instance) bool { return !kin(i.Name) })
	network, _ := part(j.running, "spec")["hostNetwork"].(bool)
	c := comparison{host: network, kin: func(container string) bool {
		if container == "" {
			return !stale
		}
		return kin(containers[container])
	}}
	for _, field := range []string{"initContainers", "containers"} {
		c.containers(field, part(want, "spec"), part(j.running, "spec"), containers)
	}
	c.volumes(part(want, "spec"), part(j.running, "spec"), volumes)
	if !j.partial { // elsewhere, the sidecars that are left out cannot be told from the others
		c.others(want, j.running, containers)
	}
	if stale && !j.partial {
		if err := j.templated(&c, containers); err != nil {
			return err
		}
	}
	j.attribute(c.found, of, func(d *difference) string {
		if d.container != "" {
			return containers[d.container]
		}
		return volumes[d.volume]
	}, kin)
	return j.setStatus(of, today)
}

// toCompare returns the instances that are compared, and whose the containers and volumes are that they have
// or would get.
func (j *judgement) toCompare() (of []*Instance, containers, volumes map[string]string) {
	containers, volumes = map[string]string{}, map[string]string{}
	for n := range j.standing.Instances {
		i := &j.standing.Instances[n]
		e, there := j.has(i.Name)
		if !there || i.State != Current {
			continue
		}
		in := j.result.Instances[slices.IndexFunc(j.result.Instances, func(in inject.Instance) bool { return in.Name == i.Name })]
		if in.Outcome != inject.Injected { // its template is in force but cannot be read
			continue
		}
		of = append(of, i)
		for _, name := range e.ContainerNames() {
			containers[name] = i.Name
		}
		for _, name := range e.Volumes {
			volumes[name] = i.Name
		}
		for _, c := range in.Containers {
			containers[c.Name] = i.Name
		}
		for _, name := range in.Volumes {
			volumes[name] = i.Name
		}
	}
	return of, containers, volumes
}

// setStatus sets the status annotation that the pod has once it is changed: its own, with the entries of today
// for the compared instances. Those that differ from today's are doubted first, and what is unknown is kept.
func (j *judgement) setStatus(of []*Instance, today inject.Status) error {
	next := maps.Clone(j.status)
	for _, i := range of {
		if i.State != Current || i.Revision != i.Today {
			j.doubt(i, j.status[i.Name])
		}
		if i.State != Unknown {
			next[i.Name] = today[i.Name]
		}
	}
	text, err := json.Marshal(next, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	j.standing.Status = string(text)
	return nil
}

// templated finds differences in what templates add to the app's containers, using a pod that has nothing
// of that kind of its own.
func (j *judgement) templated(c *comparison, ours map[string]string) error {
	bare := blank(j.stripped)
	result, err := j.inject(bare, j.Settings)
	if err != nil || result.Outcome != inject.Injected {
		return err // a template that requires what was removed cannot be compared like this
	}
	alone, err := apply(bare, result.Operations)
	if err != nil {
		return err
	}
	c.templated(alone, j.running, ours)
	return nil
}

// declined sets the state OptedOut for pods that have no sidecars because of a label or annotation, and
// Bare for all others without.
func (j *judgement) declined() {
	if len(j.standing.Instances) > 0 {
		return
	}
	j.standing.Bare = true
	asks := j.result.Trace.Asking
	_, enabled := j.namespace.Labels[inject.InjectionLabel]
	annotations := part(j.running, "metadata", "annotations")
	switch {
	case j.result.Reason == inject.PodDisabled && enabled && j.namespace.Labels[inject.InjectionLabel] != "disabled",
		j.result.Reason == inject.NamespaceDisabled && text(annotations, inject.RequestAnnotation) != "",
		j.result.Reason == inject.NothingRequested && asks.Declines() && j.namespace.Annotations[inject.RequestAnnotation] != "":
		j.standing.Bare = false
		j.standing.Instances = []Instance{{State: OptedOut, Why: j.result.Detail}}
	}
}
