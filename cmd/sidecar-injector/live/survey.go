package live

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Scope selects pods of a cluster.
type Scope struct {
	// Namespace is "" for all. Namespaces are the namespaces in it with their labels and annotations;
	// others count as not enabled.
	Namespace  string
	Namespaces []inject.Namespace
	// Selector is a label selector of the pods; "" for all.
	Selector string
	// ByJob attributes pods of CronJobs to their Jobs, so that Jobs need not be read.
	ByJob bool
	// Owners selects whether the owners of pods that are not up to date are read, because they are going to
	// be changed. Otherwise the owner references of the pods are not verified.
	Owners bool
	// Budgets selects whether PodDisruptionBudgets are read.
	Budgets BudgetUse
}

// BudgetUse is what PodDisruptionBudgets are read for.
type BudgetUse int

// The uses of PodDisruptionBudgets.
const (
	// BudgetsUnused means that they are not read.
	BudgetsUnused BudgetUse = iota
	// BudgetsShown means that a note is made if they may not be read.
	BudgetsShown
	// BudgetsHeld means that it is an error if they may not be read, because pods are going to be changed.
	BudgetsHeld
)

// BudgetsFor returns what the budgets are read for before a rollout, which holds them itself, or before
// anything else: a plan and the command status only show them, and of a repair the Eviction API holds them.
func BudgetsFor(rollout bool) BudgetUse {
	if rollout {
		return BudgetsHeld
	}
	return BudgetsShown
}

// discover returns the discovery client.
func (r *Reader) discover() discovery.DiscoveryInterfaceWithContext {
	return discovery.ToDiscoveryInterfaceWithContext(r.client.Discovery())
}

// Version returns the version of the API server.
func (r *Reader) Version(ctx context.Context) (*version.Info, error) {
	return r.discover().ServerVersionWithContext(ctx)
}

// minor returns the minor version of the API server.
func (r *Reader) minor(ctx context.Context) (int, error) {
	version, err := r.Version(ctx)
	if err != nil {
		return 0, fmt.Errorf("version of the API server: %w", err)
	}
	minor, err := strconv.Atoi(strings.TrimRight(version.Minor, "+"))
	if err != nil {
		return 0, fmt.Errorf("version of the API server: minor %q: want a number", version.Minor)
	}
	return minor, nil
}

// Server returns what the API server can change in running pods.
func (r *Reader) Server(ctx context.Context) (fleet.Server, error) {
	minor, err := r.minor(ctx)
	if err != nil {
		return fleet.Server{}, err
	}
	s := fleet.Server{Minor: minor, Kubelet: r.kubelets(ctx, minor)}
	core, err := r.discover().ServerResourcesForGroupVersionWithContext(ctx, "v1")
	if err != nil {
		return s, fmt.Errorf("resources of the API server: %w", err)
	}
	for i := range core.APIResources {
		s.Resize = s.Resize || core.APIResources[i].Name == "pods/resize"
	}
	return s, nil
}

// Today returns what decides on pods at the time now, with the doubts that remain after what was read.
func (r *Reader) Today(ctx context.Context, set *templates.Set, settings *inject.Settings, now time.Time) (*fleet.Today, error) {
	server, err := r.Server(ctx)
	if err != nil {
		return nil, err
	}
	return &fleet.Today{Set: set, Settings: settings, Server: server, Now: now, Doubt: func(namespace, template string) fleet.Doubt {
		return r.Doubt(set, namespace, template)
	}}, nil
}

// Seen is a pod that has or requests sidecars.
type Seen struct {
	Pod       *Pod
	Namespace inject.Namespace
	Workload  fleet.Workload
	Standing  *fleet.Standing
	Cover     fleet.Cover
}

// Survey calls visit for every pod of the scope that has or requests sidecars and has not ended. It holds
// one page of pods in memory at a time.
func (r *Reader) Survey(ctx context.Context, today *fleet.Today, scope Scope, visit func(*Seen) error) error {
	var made map[string]Owner
	if !scope.ByJob {
		var err error
		if made, err = r.cronJobs(ctx, scope.Namespace); err != nil {
			return err
		}
	}
	budgets, err := r.budgetsByNamespace(ctx, scope)
	if err != nil {
		return err
	}
	known := map[string]inject.Namespace{}
	for _, n := range scope.Namespaces {
		known[n.Name] = n
	}
	owners := newOwners(r)
	err = r.Pods(ctx, scope.Namespace, scope.Selector, func(pod Pod) error {
		in, ok := known[pod.Namespace]
		if !ok {
			in.Name = pod.Namespace
		}
		if pod.Over || !concerned(&pod, in) {
			return nil
		}
		standing, err := today.Judge(in, pod.JSON)
		if err != nil {
			return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		if standing.Bare {
			return nil
		}
		if scope.Owners && !standing.Settled() {
			owner, err := owners.of(ctx, &pod)
			if err != nil {
				return err
			}
			pod.Owner = owner
		}
		return visit(&Seen{&pod, in, workloadOf(&pod, made), standing, fleet.NewCover(budgets[pod.Namespace], pod.Labels, pod.Phase, pod.Ready)})
	})
	if Denied(err) {
		return &fleet.DeniedError{Verb: "list", Resource: "pods", Namespace: scope.Namespace, Err: err}
	}
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	return r.noNodes
}

// concerned reports whether a pod has, or could get, sidecars, by its labels, annotations and namespace.
func concerned(pod *Pod, namespace inject.Namespace) bool {
	_, labelled := pod.Labels[inject.InjectionLabel]
	_, enabled := namespace.Labels[inject.InjectionLabel]
	return labelled || enabled || pod.Annotations[inject.StatusAnnotation] != ""
}

// workloadOf returns the workload that a pod belongs to.
func workloadOf(pod *Pod, made map[string]Owner) fleet.Workload {
	owner := pod.Owner
	if of, ok := made[pod.Namespace+"/"+owner.Name]; ok && owner.Kind == "Job" {
		owner = of
	}
	if owner == (Owner{}) {
		owner = Owner{"Pod", pod.Name}
	}
	return fleet.Workload{Namespace: pod.Namespace, Kind: owner.Kind, Name: owner.Name}
}

// budgetsByNamespace returns the PodDisruptionBudgets of a scope by namespace; nil if they are unused.
func (r *Reader) budgetsByNamespace(ctx context.Context, scope Scope) (map[string][]*fleet.Budget, error) {
	if scope.Budgets == BudgetsUnused {
		return nil, nil
	}
	budgets, err := chunks(ctx, r.client.PolicyV1().PodDisruptionBudgets(scope.Namespace).List, fleet.NewBudgets)
	if Denied(err) && scope.Budgets == BudgetsHeld {
		return nil, &fleet.DeniedError{Verb: "list", Resource: "poddisruptionbudgets", Namespace: scope.Namespace, Err: err}
	}
	if err != nil {
		if err = r.excuse("PodDisruptionBudgets", "nothing counts as blocked by one", err); err != nil {
			return nil, err
		}
	}
	all := map[string][]*fleet.Budget{}
	for _, b := range budgets {
		all[b.Namespace] = append(all[b.Namespace], b)
	}
	return all, nil
}
