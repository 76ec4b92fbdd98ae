package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Options select what Gather reads.
type Options struct {
	// Before is true if the injector is not installed yet.
	Before bool
	// Namespace for the trial; "" chooses one.
	Namespace string
	// BuiltIn are the templates that come with the injector.
	BuiltIn []templates.Entry
	// Now is the present time, against which certificates and leases are checked.
	Now time.Time
}

// gatherer reads the facts one after the other. A failed read is recorded as a fact.
type gatherer struct {
	*live.Reader
	options Options
	facts   *Facts
}

// Gather reads the facts. It fails if the API server does not answer, or the installations or templates
// cannot be read.
func Gather(ctx context.Context, reader *live.Reader, options Options) (*Facts, error) {
	g := &gatherer{Reader: reader, options: options, facts: &Facts{Before: options.Before, Now: options.Now}}
	version, err := g.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("API server: %w", err)
	}
	g.facts.Version = *version
	g.cluster(ctx)
	if err := g.webhooks(ctx); err != nil {
		return nil, err
	}
	if options.Before {
		g.facts.Rights = seen(g.rights(ctx))
		return g.facts, nil
	}
	if len(g.facts.Installations) == 0 {
		return g.facts, nil
	}
	if g.facts.installation().Namespace != "" {
		g.installation(ctx)
	}
	if err := g.templates(ctx); err != nil {
		return nil, err
	}
	g.pods(ctx)
	g.trials(ctx)
	return g.facts, nil
}

// seen converts a result to a Seen. A "not found" error becomes the zero value.
func seen[T any](value T, err error) Seen[T] {
	if apierrors.IsNotFound(err) {
		return Seen[T]{}
	}
	return Seen[T]{Value: value, Err: err}
}

// pointer is seen for a read that returns a non-nil object even with an error.
func pointer[T any](value *T, err error) Seen[*T] {
	if err != nil {
		value = nil
	}
	return seen(value, err)
}

// cluster reads the facts that do not depend on an injector.
func (g *gatherer) cluster(ctx context.Context) {
	f := g.facts
	f.Kubelets = seen(g.kubelets(ctx))
	resources, err := g.Client().Discovery().ServerResourcesForGroupVersion(admissionregistrationv1.SchemeGroupVersion.String())
	f.Webhooks = seen(err == nil && slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool {
		return r.Name == "mutatingwebhookconfigurations"
	}), err)
	f.Namespaces = seen(g.Namespaces(ctx))
}

// kubelets returns the number of nodes by version.
func (g *gatherer) kubelets(ctx context.Context) (map[string]int, error) {
	nodes, err := g.Kubelets(ctx)
	versions := map[string]int{}
	for _, version := range nodes {
		versions[version]++
	}
	return versions, err
}

// webhooks reads the webhook configurations, and the installations.
func (g *gatherer) webhooks(ctx context.Context) (err error) {
	f, registration := g.facts, g.Client().AdmissionregistrationV1()
	mutating, err := registration.MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err == nil {
		f.Mutating.Value = mutating.Items
	}
	f.Mutating.Err = err
	validating, err := registration.ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err == nil {
		f.Validating.Value = validating.Items
	}
	f.Validating.Err = err
	f.Installations, err = g.Installations(ctx)
	return err
}

// rights returns the permissions that an installation needs and the user lacks.
func (g *gatherer) rights(ctx context.Context) ([]string, error) {
	var lacking []string
	for _, r := range []struct{ group, resource string }{
		{"admissionregistration.k8s.io", "mutatingwebhookconfigurations"},
		{"admissionregistration.k8s.io", "validatingwebhookconfigurations"},
		{"admissionregistration.k8s.io", "validatingadmissionpolicies"},
		{"admissionregistration.k8s.io", "validatingadmissionpolicybindings"},
		{"apiextensions.k8s.io", "customresourcedefinitions"},
		{"rbac.authorization.k8s.io", "clusterroles"},
		{"rbac.authorization.k8s.io", "clusterrolebindings"},
		{"rbac.authorization.k8s.io", "roles"},
		{"rbac.authorization.k8s.io", "rolebindings"},
		{"apps", "deployments"},
		{"", "services"},
		{"", "secrets"},
		{"", "configmaps"},
		{"", "serviceaccounts"},
		{"coordination.k8s.io", "leases"},
		{"policy", "poddisruptionbudgets"},
		{"networking.k8s.io", "networkpolicies"},
	} {
		may, err := g.May(ctx, &authorizationv1.ResourceAttributes{Namespace: g.options.Namespace, Verb: "create", Group: r.group, Resource: r.resource})
		if err != nil {
			return nil, err
		}
		if !may {
			lacking = append(lacking, "create "+r.resource)
		}
	}
	return lacking, nil
}

// installation reads the objects of the first installation.
func (g *gatherer) installation(ctx context.Context) {
	f, client := g.facts, g.Client()
	i := f.installation()
	get := metav1.GetOptions{}
	f.Deployment = pointer(client.AppsV1().Deployments(i.Namespace).Get(ctx, i.Name, get))
	f.Service = pointer(client.CoreV1().Services(i.Namespace).Get(ctx, i.Name, get))
	f.Lease = pointer(client.CoordinationV1().Leases(i.Namespace).Get(ctx, i.Name, get))
	f.Secret = pointer(client.CoreV1().Secrets(i.Namespace).Get(ctx, i.Name+"-ca", get))
	f.Config = pointer(client.CoreV1().ConfigMaps(i.Namespace).Get(ctx, i.Name, get))
	slices, err := client.DiscoveryV1().EndpointSlices(i.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + i.Name})
	if err == nil {
		f.Endpoints.Value = slices.Items
	}
	f.Endpoints.Err = err
	if d := f.Deployment.Value; d != nil && d.Spec.Selector != nil {
		f.Pods = seen(g.podsOf(ctx, i.Namespace, labels.Set(d.Spec.Selector.MatchLabels).String()))
	}
}

func (g *gatherer) podsOf(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	pods, err := g.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: 500})
	if err != nil {
		return nil, err
	}
	return pods.Items, nil
}

// definitions returns the templates' CustomResourceDefinitions; nil for one that does not exist.
func (g *gatherer) definitions(ctx context.Context) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, name := range crdNames() {
		object, err := g.Dynamic().Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			all = append(all, nil)
			continue
		}
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, crd); err != nil {
			return nil, fmt.Errorf("CustomResourceDefinition %s: %w", name, err)
		}
		all = append(all, crd)
	}
	return all, nil
}
