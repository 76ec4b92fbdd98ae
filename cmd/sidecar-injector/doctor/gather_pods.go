package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// templates reads all templates that pods may request, and the status of those in the cluster.
func (g *gatherer) templates(ctx context.Context) error {
	f := g.facts
	f.CRDs = seen(g.definitions(ctx))
	f.Conditions = seen(g.conditions(ctx))
	entries, err := g.Templates(ctx, f.Installations, "")
	f.Templates = append(entries, g.options.BuiltIn...)
	return err
}

// conditions returns the Ready conditions of the template resources.
func (g *gatherer) conditions(ctx context.Context) ([]Condition, error) {
	var all []Condition
	for _, kind := range []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind} {
		items, err := g.TemplateResources(ctx, kind, "")
		if err != nil {
			return all, err
		}
		for i := range items {
			all = append(all, conditionOf(&items[i]))
		}
	}
	return all, nil
}

func conditionOf(o *unstructured.Unstructured) Condition {
	c := Condition{Name: live.ResourceName(o.GetKind(), o.GetNamespace(), o.GetName())}
	observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	c.Behind = observed < o.GetGeneration()
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range list {
		if condition, ok := item.(map[string]any); ok && condition["type"] == "Ready" {
			c.Ready, _ = condition["status"].(string)
			c.Message, _ = condition["message"].(string)
		}
	}
	return c
}

// pods reads all pods of the cluster and compares them with what they would get now.
func (g *gatherer) pods(ctx context.Context) {
	f := g.facts
	if f.Namespaces.Err != nil {
		f.Fleet.Err = f.Namespaces.Err
		return
	}
	set := templates.NewSet(f.Templates)
	all, needs := workloads{}, map[webhook.ServiceAccount][]inject.Instance{}
	err := g.survey(ctx, set, func(s *live.Seen) error {
		all.add(s.Workload, s.Standing)
		return g.running(set, s, needs)
	})
	f.Fleet = Seen[[]*Workload]{Err: err}
	if err == nil {
		f.Fleet.Value = all.sorted()
	}
	f.Lacking = seen(g.lacking(ctx, needs))
}

// running notes what the sidecars of a pod need, by its service account, and those that may have no access to
// the app's files. It takes a decision about the pod as it is: the Standing is about a new pod in its place,
// whose sidecars may run as other users.
func (g *gatherer) running(set *templates.Set, s *live.Seen, needs map[webhook.ServiceAccount][]inject.Instance) error {
	result, err := inject.Inject(set, g.facts.installation().Settings.Settings(), &inject.Request{Pod: s.Pod.JSON, Namespace: s.Namespace, Permissions: true})
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", s.Pod.Namespace, s.Pod.Name, err)
	}
	a := webhook.ServiceAccount{Namespace: s.Pod.Namespace, Name: cmp.Or(s.Pod.Account, "default")}
	for _, in := range result.Instances {
		if in.Outcome == inject.Unchanged && len(in.Apart) > 0 {
			g.facts.addApart(Apart{Namespace: s.Pod.Namespace, Instance: in.Name, Pod: s.Pod.Name, Text: in.Apart[0]})
		}
		if len(in.Permissions) > 0 && len(needs[a]) < maxNeeds {
			needs[a] = append(needs[a], in)
		}
	}
	return nil
}

// survey calls visit for every pod of the cluster that has or requests sidecars.
func (g *gatherer) survey(ctx context.Context, set *templates.Set, visit func(*live.Seen) error) error {
	today, err := g.Today(ctx, set, g.facts.installation().Settings.Settings(), g.facts.Now)
	if err != nil {
		return err
	}
	return g.Survey(ctx, today, live.Scope{Namespaces: g.facts.Namespaces.Value}, visit)
}

// addApart adds a, at most once for each namespace and instance.
func (f *Facts) addApart(a Apart) {
	if !slices.ContainsFunc(f.Apart, func(b Apart) bool { return a.Namespace == b.Namespace && a.Instance == b.Instance }) && len(f.Apart) < maxNeeds {
		f.Apart = append(f.Apart, a)
	}
}

// Bounds of the access reviews: sidecars of one account, and accounts.
const (
	maxNeeds    = 50
	maxAccounts = 100
)

// lacking returns the permissions that sidecars need and their service accounts lack.
func (g *gatherer) lacking(ctx context.Context, needs map[webhook.ServiceAccount][]inject.Instance) ([]webhook.MissingAccess, error) {
	accounts := slices.SortedFunc(maps.Keys(needs), func(a, b webhook.ServiceAccount) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	var all []webhook.MissingAccess
	for _, a := range accounts[:min(len(accounts), maxAccounts)] {
		missing, err := webhook.FindMissingAccess(ctx, g.Client().AuthorizationV1().SubjectAccessReviews(), a, needs[a], webhook.MaxAccessReviews)
		if err != nil {
			return nil, err
		}
		all = append(all, missing...)
	}
	return all, nil
}
