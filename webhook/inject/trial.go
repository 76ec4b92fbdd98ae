package inject

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// trial checks one instance. What it finds new becomes claims and a plan; if there is a fault in the end,
// the claims are withdrawn.
type trial struct {
	claims    *claims
	candidate *candidate
	addition  *templates.Parts

	plan  plan
	items []*templates.JSON // see fresh
	users []sidecarUser     // see checkUsers; nil until first used
	// envFrom holds the envFrom items of envFromOf in canonical form; nil until first used.
	envFrom   []string
	envFromOf *templates.AppParts
	faults    faultList
	notes     textList
	warnings  textList
}

// plan is what remains of an addition without the items that the pod already has or overrides with its own
// value.
type plan struct {
	volumes                               []*templates.Named
	labels, annotations                   program.Object
	pullSecrets, hostAliases, tolerations []*templates.JSON
	groups                                []int64
	dnsConfig                             *templates.JSON
	shareProcessNamespace                 *bool
	fsGroup                               *int64
	gracePeriod                           int64 // 0: none
	targets                               []targetPlan
}

// targetPlan is what one container of the app gets.
type targetPlan struct {
	target
	mounts, devices, env, envFrom []*templates.JSON
	// firstEnv go before the container's own variables, joins are joined to existing values.
	firstEnv          []*templates.JSON
	joins             []*templates.EnvVariable
	probes, lifecycle []*templates.Named
}

func (t *trial) pod() *podView { return t.claims.job.pod }

func (t *trial) by() string { return t.candidate.asked.instance }

func (t *trial) conflict(place, message, fix string) {
	t.faults.add(Fault{Reason: Conflict, Instance: t.by(), Place: place, Message: message, Fix: fix})
}

func (t *trial) note(format string, args ...any) { t.notes.add(format, args...) }

func (t *trial) warn(format string, args ...any) { t.warnings.add(format, args...) }

// ended reports whether checking can stop because the instance will be rejected: a limit is reached, or
// enough faults are reported.
func (t *trial) ended() bool {
	return t.faults.more || t.claims.grown > maxGrowth || t.claims.job.work.over()
}

// stopped spends steps of the budget and reports whether checking has to stop. counted describes the steps
// in the fault if none are left.
func (t *trial) stopped(steps int, counted string) bool {
	if t.faults.more || t.claims.grown > maxGrowth {
		return true
	}
	// This also holds if an earlier instance used up the budget: without a fault this one would be added
	// incompletely.
	if f := t.claims.job.spend(t.candidate, steps, counted); f != nil {
		t.faults.add(*f)
		return true
	}
	return false
}

// run makes the plan. It ends early if a limit is reached.
func (t *trial) run() {
	a := t.addition
	t.plan.targets = make([]targetPlan, 0, min(len(t.candidate.targets), few))
	t.items = make([]*templates.JSON, 0, min(len(t.candidate.targets)*len(a.App.Mounts), few))
	if t.stopped(1, "the instance") { // an earlier instance used up the budget
		return
	}
	for _, step := range []func(*trial){(*trial).checkContainers, (*trial).checkVolumes, (*trial).checkPod, (*trial).checkTargets, (*trial).checkSignals, (*trial).checkEnd, (*trial).checkStatus} {
		step(t)
		if t.ended() {
			return
		}
	}
}

// checkContainers checks that the names and ports of the injected containers are free.
func (t *trial) checkContainers() {
	for c := range containersOf(t.addition) {
		t.checkContainerName(c)
		t.checkPorts(c)
		t.claims.containers.add(c.Name, owned[*templates.Container]{by: t.by(), value: c})
		t.grow(len(c.Raw))
		if t.stopped(1, "its containers") {
			return
		}
	}
}

// checkStatus checks that the status annotation stays short enough to be read by the next injection.
func (t *trial) checkStatus() {
	const item, entry = 3, 200 // quotes and a comma; the fields of an entry
	bytes := entry + len(templateReference(t.candidate.template)) + len(t.by())
	for c := range containersOf(t.addition) {
		bytes += len(c.Name) + item
	}
	for i := range t.addition.Volumes {
		bytes += len(t.addition.Volumes[i].Name) + item
	}
	for _, label := range t.plan.labels {
		bytes += len(label.Name) + item
	}
	if t.claims.listed += bytes; t.claims.listed > maxStatus {
		t.faults.add(t.candidate.exceeded(fmt.Sprintf("the names of what instance %s adds make the annotation %s longer than %d bytes", message.Quote(t.by()), StatusAnnotation, maxStatus)))
	}
}

func (t *trial) checkContainerName(c *templates.Container) {
	if _, list, _ := t.pod().container(c.Name); list != "" {
		t.conflict(fmt.Sprintf("spec.%s[%s]", list, c.Name), fmt.Sprintf("the pod already has a container %s", message.Quote(c.Name)),
			"already injected by hand? keep the status annotation; else rename the container or choose another instance name")
		return
	}
	if other, taken := t.claims.containers.find(c.Name); taken {
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s is also added by instance %s", message.Quote(c.Name), message.Quote(other.by)),
			t.nameFix(c.Name, other.by))
	}
}

// nameFix returns what to do about a name that two instances add. Other instance names help only where the
// name is made of the instance's.
func (t *trial) nameFix(name, other string) string {
	switch {
	case other == t.by():
		return "change its parameters or its template"
	case strings.Contains(name, t.by()):
		return "choose other instance names"
	}
	return "put ${instance} into the name in the template, or ask for one of the two only"
}

// claimScalar claims a value that can exist only once: key within field. It reports whether the claim is
// new; a different value of another instance is a conflict.
func (t *trial) claimScalar(field, key string, raw []byte, place func() string) bool {
	id := scalar{field: field, key: key}
	if other, taken := t.claims.scalars.find(id); taken {
		if !t.equal(other.value, raw, equalJSON) {
			t.conflict(place(), fmt.Sprintf("instances %s and %s want different values", message.Quote(other.by), message.Quote(t.by())), "leave one of them out")
		}
		return false
	}
	t.claims.scalars.add(id, owned[[]byte]{by: t.by(), value: raw})
	t.grow(len(raw) + len(key))
	return true
}

// equal reports whether two values are equal by same, which is called for texts that differ. Any number of
// values may have the name of a long one, so that comparing takes from the budget by their lengths; it returns
// true, and adds a fault, once that is used up.
func (t *trial) equal(x, y []byte, same func(x, y []byte) bool) bool {
	return string(x) == string(y) || t.stopped((len(x)+len(y))/compareCost, "to compare what it adds with what has the same name") || same(x, y)
}

// equalJSON reports whether two values are equal, regardless of the order of members.
func equalJSON(x, y []byte) bool { return canonicalJSON(x) == canonicalJSON(y) }
