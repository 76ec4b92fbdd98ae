package doctor

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Workload counts the pods of a workload by their worst sidecar.
type Workload struct {
	fleet.Workload
	// Refused are those that would not be admitted if they were created now, Missed those that lack a
	// sidecar, Outdated those with a sidecar that differs from today's, Current those that are up to date.
	Refused, Missed, Outdated, Current int
	// Templates are the names of the templates that its pods use or request.
	Templates map[string]bool
}

// workloads counts pods by workload.
type workloads map[fleet.Workload]*Workload

func (all workloads) add(of fleet.Workload, s *fleet.Standing) {
	w := all[of]
	if w == nil {
		w = &Workload{Workload: of, Templates: map[string]bool{}}
		all[of] = w
	}
	var refused, missed, outdated, current bool
	for n := range s.Instances {
		i := &s.Instances[n]
		w.Templates[i.Template] = true
		switch i.State {
		case fleet.Blocked:
			refused = refused || i.Outcome == "" || i.Outcome == inject.Refused
		case fleet.Missed:
			missed = true
		case fleet.InPlace, fleet.Restart:
			outdated = true
		case fleet.Current:
			current = true
		case fleet.OptedOut, fleet.Unknown, fleet.Failing:
		}
	}
	switch {
	case refused:
		w.Refused++
	case missed:
		w.Missed++
	case outdated:
		w.Outdated++
	case current:
		w.Current++
	}
}

// sorted returns all workloads, those with the worst pods first, then by name.
func (all workloads) sorted() []*Workload {
	return slices.SortedFunc(maps.Values(all), func(a, b *Workload) int {
		return cmp.Or(-cmp.Compare(a.rank(), b.rank()), a.Compare(b.Workload))
	})
}

// rank is higher the worse the worst pod is.
func (w *Workload) rank() int {
	switch {
	case w.Refused > 0:
		return 3
	case w.Missed > 0:
		return 2
	case w.Outdated > 0:
		return 1
	}
	return 0
}
