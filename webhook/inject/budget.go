package inject

import (
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Limits on the cost of one pod. Units count steps of loops that depend on the sizes of two inputs at once,
// such as containers times variables; work that is linear in the pod's size is not counted. They do not
// measure time, so a pod gets the same answer on every machine.
const (
	// baseUnits is the allowance of every pod. The largest template (50,000 values) on one container takes
	// a tenth of it, the built-in ones a few dozen units.
	baseUnits = 500_000
	// unitsPerByte is the additional allowance for each byte of the pod. A container takes at least 40
	// bytes, so each may get some 40 items.
	unitsPerByte = 1
	// maxRendering is the CEL cost of all expressions of one pod: that of two templates at the limit of
	// one, expression.RenderingLimit.
	maxRendering = 2_000_000
	// maxPlanning is how much it may take to plan the expressions of a pod's templates, in units of CEL's work: as
	// many plans as three of the largest templates have. Only the latest plans of all pods are kept.
	maxPlanning = 3_000_000
	// maxGrowth is how many bytes of JSON all instances together may add to a pod. It is etcd's default of
	// --max-request-bytes: a pod that grows by more cannot be stored.
	maxGrowth = 3 << 19
	// readCost is how many bytes of the pod expressions may read for one unit.
	readCost = 8
	// compareCost is how many bytes of two values may be compared for one unit: both are decoded.
	compareCost = 2
)

// budget accounts for the cost of one pod.
type budget struct {
	size         int // of the pod in bytes
	spent, limit int // in units
	rendering    uint64
	planning     int
	planned      []*templates.Template // those that planning has counted

	asking     uint64 // CEL cost of permissions and evaluations
	askedReads int    // units for reading the pod in them
}

func newBudget(size int) budget {
	return budget{size: size, limit: baseUnits + unitsPerByte*size}
}

// spend spends units and reports whether there were enough.
func (b *budget) spend(units int) bool {
	b.spent += units
	return b.spent <= b.limit
}

// over reports whether the units are used up.
func (b *budget) over() bool { return b.spent > b.limit }

// exceeded returns the fault of the instance at which the budget is exceeded; what describes the cost.
func (c *candidate) exceeded(what string) Fault {
	return Fault{Reason: BudgetExceeded, Instance: c.asked.instance, Place: c.place(), Message: what,
		Fix: "ask for fewer sidecars, or let it work for fewer containers; its template may be too large"}
}

// spend takes units of the pod's budget. It returns a fault, which names what was counted, if there are not
// enough.
func (j *job) spend(c *candidate, units int, counted string) *Fault {
	if j.work.spend(units) {
		return nil
	}
	f := c.exceeded(fmt.Sprintf("%s takes the work on the pod beyond the %d units that %d bytes are given", counted, j.work.limit, j.work.size))
	return &f
}

// mayRender checks whether earlier instances left enough budget for rendering. Instances whose policy is
// Ignore may use half of the units only, so that the rest is left to the planning of the others.
func (j *job) mayRender(c *candidate) bool {
	limit := j.work.limit
	if c.template.FailurePolicy == v1alpha1.Ignore {
		limit /= 2
	}
	if !slices.Contains(j.work.planned, c.template) {
		j.work.planned = append(j.work.planned, c.template)
		j.work.planning += c.template.Planning()
	}
	switch {
	case j.work.rendering >= maxRendering:
		j.fault(j.tooCostly(c), c)
	case j.work.planning > maxPlanning:
		f := c.exceeded(fmt.Sprintf("the pod's templates together have so many and so long expressions that to compile them takes more than %d units of CEL's work", maxPlanning))
		f.Fix = "ask for fewer sidecars, make the templates' expressions fewer or shorter, or narrow the match of templates"
		j.fault(f, c)
	case j.work.spent > limit:
		j.fault(c.exceeded(fmt.Sprintf("to read the pod in expressions of the templates before takes more than %d of the %d units of work that %d bytes are given", limit, j.work.limit, j.work.size)), c)
	default:
		return true
	}
	return false
}

// mayAsk checks whether earlier instances left enough budget for permissions and evaluations. It is a
// separate budget, so that the decision is the same whether or not they are requested.
func (j *job) mayAsk() bool {
	return j.work.asking < maxRendering && j.work.askedReads <= j.work.limit
}

// asked counts the cost of an instance's permissions or evaluations.
func (j *job) asked(cost uint64) {
	j.work.asking += cost
	j.work.askedReads += j.takeReads()
}

func (j *job) tooCostly(c *candidate) Fault {
	f := c.exceeded(fmt.Sprintf("the expressions of the pod's templates together take more than %d units of CEL's work", maxRendering))
	f.Fix = "ask for fewer sidecars, make the templates' expressions simpler, or narrow the match of templates"
	return f
}

// rendered counts the cost of a rendering. A pod that expressions read is charged by its size for each
// instance, because it is scanned and perhaps decoded.
func (j *job) rendered(c *candidate, cost uint64) *Fault {
	if j.work.rendering += cost; j.work.rendering > maxRendering {
		f := j.tooCostly(c)
		return &f
	}
	if units := j.takeReads(); units > 0 {
		return j.spend(c, units, "to read the pod in expressions")
	}
	return nil
}

// takeReads returns the units for what expressions have read of the pod and its containers since the last
// call.
func (j *job) takeReads() int {
	bytes := 0
	if j.reader.read {
		bytes += len(j.pod.raw)
	}
	j.reader.read = false
	for _, a := range j.apps {
		if a.read {
			bytes += len(a.view.raw)
		}
		a.read = false
	}
	return bytes / readCost
}

// crowded rejects an instance that does not fit into the status annotation: the next injection could not
// read it and would add everything again.
func (j *job) crowded(c *candidate) bool {
	if c.number < maxStatusEntries-j.others {
		return false
	}
	f := c.exceeded(fmt.Sprintf("a pod has at most %d sidecar instances, and this is number %d", maxStatusEntries, c.number+j.others+1))
	f.Fix = "narrow the match of templates: " + message.Quote(c.asked.template) + " is one of them"
	j.fault(f, c)
	return true
}

// grow counts bytes that an instance adds to the pod, and adds a fault when maxGrowth is exceeded.
func (t *trial) grow(bytes int) {
	s := t.claims
	if s.grown += bytes; s.grown <= maxGrowth || s.grown-bytes > maxGrowth {
		return
	}
	with := ""
	if len(s.accepted) > 0 {
		with = ", with what the instances before it add,"
	}
	f := t.candidate.exceeded(fmt.Sprintf("instance %s%s would make the pod grow by at least %d bytes, and etcd stores no more than %d", message.Quote(t.by()), with, s.grown, maxGrowth))
	f.Fix = "shorten its parameters, or let it work for fewer containers"
	t.faults.add(f)
}
