package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Workload identifies the owner of pods. A pod without an owner is a workload of kind Pod.
type Workload struct {
	Namespace string `json:"namespace"`
	// Kind is the kind of the owner. The API group follows, as in StatefulSet.apps.kruise.io, for a custom
	// resource whose kind has the same name as one of Kubernetes itself.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// String returns kind/name.
func (w Workload) String() string { return strings.ToLower(w.Kind) + "/" + w.Name }

// Compare compares by namespace, kind and name.
func (w Workload) Compare(other Workload) int {
	return cmp.Or(strings.Compare(w.Namespace, other.Namespace), strings.Compare(w.Kind, other.Kind), strings.Compare(w.Name, other.Name))
}

// Row is the state of one sidecar in the pods of a workload.
type Row struct {
	Workload
	// Instance is "" if pods opted out as a whole, or their request cannot be read.
	Instance string `json:"instance,omitempty"`
	Template string `json:"template,omitempty"`
	// State is the state of the worst pod, Why what is wrong with it.
	State State  `json:"state"`
	Why   string `json:"why,omitempty"`
	// Pods is the number of pods that have not ended, States their number by state.
	Pods   int            `json:"pods"`
	States map[string]int `json:"states"`
	// Revisions is the number of pods by the revision that they have, "" for none. Today is the revision of
	// new pods.
	Revisions map[string]int `json:"revisions,omitempty"`
	Today     string         `json:"today,omitempty"`
	// Canary is the name of the canary that Today belongs to; "" if it is the template's own.
	Canary string `json:"canary,omitempty"`
}

// Inventory counts pods by workload and sidecar. Its size is proportional to the number of workloads.
type Inventory struct {
	rows map[rowKey]*Row
}

type rowKey struct {
	Workload
	instance, template string
}

// NewInventory returns an empty Inventory.
func NewInventory() *Inventory { return &Inventory{rows: map[rowKey]*Row{}} }

// Add counts a pod for its workload.
func (v *Inventory) Add(w Workload, s *Standing) {
	for n := range s.Instances {
		i := &s.Instances[n]
		key := rowKey{w, i.Name, i.Template}
		row := v.rows[key]
		if row == nil {
			row = &Row{Workload: w, Instance: i.Name, Template: i.Template, States: map[string]int{}, Revisions: map[string]int{}}
			v.rows[key] = row
		}
		state, why := i.Shown()
		row.Pods++
		row.States[state.String()]++
		row.Revisions[i.Revision]++
		row.Today, row.Canary = cmp.Or(row.Today, i.Today), cmp.Or(row.Canary, i.Canary)
		if state > row.State {
			row.State, row.Why = state, why
		}
	}
}

// Rows returns all rows, the worst first, then by workload and instance.
func (v *Inventory) Rows() []*Row {
	return slices.SortedFunc(maps.Values(v.rows), func(a, b *Row) int {
		return cmp.Or(-cmp.Compare(a.State, b.State), a.Workload.Compare(b.Workload), strings.Compare(a.Instance, b.Instance), strings.Compare(a.Template, b.Template))
	})
}
