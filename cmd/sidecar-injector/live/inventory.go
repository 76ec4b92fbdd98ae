package live

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// leftovers returns the sidecars of the pod that nothing requests now. Whether they are up to date is
// determined by the revision only.
func leftovers(result *inject.Result, pod *Pod) []Instance {
	var all []Instance
	for _, l := range result.Leftovers {
		i := Instance{Name: l.Name, Template: l.TemplateName(), Revision: l.Revision, State: Current, from: l.TemplateName()}
		if l.Today != nil {
			i.Today = l.Today.Revision
		}
		if i.Today != i.Revision {
			i.State, i.Why = Outdated, "today's revision is "+i.Today
			if i.Today == "" {
				i.Why = "the template is gone"
			}
		}
		for _, container := range slices.Concat(l.Sidecars, l.InitContainers, l.Containers) {
			i.Waiting = cmp.Or(i.Waiting, pod.Waiting[container])
		}
		all = append(all, i)
	}
	return all
}

// Workload is a workload and the states of its pods. A pod without a controller is a workload of kind Pod.
type Workload struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	// State is the state of the worst pod.
	State string `json:"state"`
	// Pods is the number of pods that run or are about to; the other counts are parts of it.
	Pods     int `json:"pods"`
	Injected int `json:"injected"`
	Outdated int `json:"outdated"`
	Missed   int `json:"missed"`
	Refused  int `json:"refused"`
	Unknown  int `json:"unknown"`
	// Why is what is wrong with a pod's request as a whole; "" if nothing is.
	Why string `json:"why,omitempty"`
	// Sidecars are the sidecars that pods have or lack, sorted, each with its number of pods.
	Sidecars []Sidecar `json:"sidecars,omitempty"`
}

// Sidecar is one revision of one sidecar in the pods of a workload.
type Sidecar struct {
	Instance string `json:"instance"`
	Template string `json:"template"`
	// Revision is "" if the pods lack it.
	Revision string `json:"revision,omitempty"`
	Today    string `json:"today,omitempty"`
	Pods     int    `json:"pods"`
	State    string `json:"state"`
	Why      string `json:"why,omitempty"`
	// Waiting is why a container of it has not started in these pods, such as ImagePullBackOff.
	Waiting string `json:"waiting,omitempty"`
}

// Worst returns the state of the worst pod.
func (w *Workload) Worst() State {
	switch {
	case w.Refused > 0:
		return Refused
	case w.Missed > 0:
		return Missed
	case w.Outdated > 0:
		return Outdated
	case w.Unknown > 0:
		return Unknown
	case w.Injected > 0:
		return Current
	}
	return Bare
}

// String returns the state in a word.
func (s State) String() string {
	return [...]string{"none", "injected", "unknown", "outdated", "missed", "refused"}[s]
}

// Inventory counts pods by workload.
type Inventory struct {
	workloads map[[3]string]*Workload
}

// NewInventory returns an empty Inventory.
func NewInventory() *Inventory { return &Inventory{workloads: map[[3]string]*Workload{}} }

// Inventory counts the pods of a namespace, "" for all, by comparing each with what it would get if it were
// created now. Namespaces that are not in namespaces count as not enabled. each, if not nil, is called for
// every pod that has or requests sidecars.
func (r *Reader) Inventory(ctx context.Context, set *templates.Set, settings *inject.Settings, namespaces []inject.Namespace, namespace string, each func(*Pod, *Standing)) (*Inventory, error) {
	made, err := r.CronJobs(ctx, namespace)
	if err != nil {
		return nil, err
	}
	known := map[string]inject.Namespace{}
	for _, n := range namespaces {
		known[n.Name] = n
	}
	v := NewInventory()
	return v, r.Pods(ctx, namespace, "", func(pod Pod) error {
		in, ok := known[pod.Namespace]
		if !ok {
			in.Name = pod.Namespace
		}
		if pod.Over || !concerned(&pod, in) {
			return nil
		}
		standing, err := r.Stand(set, settings, in, &pod)
		if err != nil || standing.State == Bare {
			return err
		}
		owner := pod.Owner
		if of, ok := made[pod.Namespace+"/"+owner.Name]; ok && owner.Kind == "Job" {
			owner = of
		}
		v.Add(&pod, owner, standing)
		if each != nil {
			each(&pod, &standing)
		}
		return nil
	})
}

// concerned reports whether a pod has, or could get, sidecars, by its labels, annotations and namespace.
func concerned(pod *Pod, namespace inject.Namespace) bool {
	_, labelled := pod.Labels[inject.InjectionLabel]
	_, enabled := namespace.Labels[inject.InjectionLabel]
	return labelled || enabled || pod.Annotations[inject.StatusAnnotation] != ""
}

// Add counts a pod for its owner.
func (v *Inventory) Add(pod *Pod, owner Owner, s Standing) {
	if owner == (Owner{}) {
		owner = Owner{"Pod", pod.Name}
	}
	key := [3]string{pod.Namespace, owner.Kind, owner.Name}
	w := v.workloads[key]
	if w == nil {
		w = &Workload{Namespace: pod.Namespace, Kind: owner.Kind, Name: owner.Name}
		v.workloads[key] = w
	}
	w.Pods++
	switch s.State {
	case Current:
		w.Injected++
	case Outdated:
		w.Outdated++
	case Missed:
		w.Missed++
	case Refused:
		w.Refused++
	case Unknown:
		w.Unknown++
	}
	w.Why = cmp.Or(w.Why, s.Why)
	for _, i := range s.Instances {
		w.count(i)
	}
}

func (w *Workload) count(i Instance) {
	for n := range w.Sidecars {
		if s := &w.Sidecars[n]; s.Instance == i.Name && s.Template == i.Template && s.Revision == i.Revision && s.State == i.State.String() && s.Waiting == i.Waiting {
			s.Pods++
			return
		}
	}
	w.Sidecars = append(w.Sidecars, Sidecar{
		Instance: i.Name, Template: i.Template, Revision: i.Revision, Today: i.Today, Pods: 1, State: i.State.String(), Why: i.Why, Waiting: i.Waiting,
	})
}

// Workloads returns all counted workloads, the worst first, then by name.
func (v *Inventory) Workloads() []*Workload {
	all := slices.Collect(maps.Values(v.workloads))
	for _, w := range all {
		w.State = w.Worst().String()
		slices.SortFunc(w.Sidecars, func(a, b Sidecar) int {
			return cmp.Or(strings.Compare(a.Instance, b.Instance), strings.Compare(a.Template, b.Template),
				strings.Compare(a.Revision, b.Revision), strings.Compare(a.State, b.State), strings.Compare(a.Waiting, b.Waiting))
		})
	}
	slices.SortFunc(all, func(a, b *Workload) int {
		return cmp.Or(-cmp.Compare(a.Worst(), b.Worst()), strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return all
}
