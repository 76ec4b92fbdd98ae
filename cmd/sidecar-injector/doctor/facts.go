package doctor

import (
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Seen is something that was read, or why it was not. An object that does not exist
// is the zero value without an error.
type Seen[T any] struct {
	Value T
	Err   error
}

// Facts are what the checks judge.
type Facts struct {
	// Before says that the injector is still to be installed.
	Before bool
	Now    time.Time

	Version version.Info
	// Kubelets counts the nodes by the version of their kubelet.
	Kubelets Seen[map[string]int]
	// Webhooks says whether the API server serves webhook configurations.
	Webhooks Seen[bool]
	// Rights are those that installing takes and the user lacks.
	Rights Seen[[]string]

	Mutating   Seen[[]admissionregistrationv1.MutatingWebhookConfiguration]
	Validating Seen[[]admissionregistrationv1.ValidatingWebhookConfiguration]

	Installations []live.Installation
	// What follows is of the installation that is looked at: the first one.
	Deployment Seen[*appsv1.Deployment]
	Pods       Seen[[]corev1.Pod]
	Service    Seen[*corev1.Service]
	Endpoints  Seen[[]discoveryv1.EndpointSlice]
	Lease      Seen[*coordinationv1.Lease]
	Secret     Seen[*corev1.Secret]
	Config     Seen[*corev1.ConfigMap]

	// CRDs are nil where they do not exist, in the order of crdNames.
	CRDs Seen[[]*apiextensionsv1.CustomResourceDefinition]
	// Templates are all that a pod may ask for; Conditions are of the custom resources.
	Templates  []templates.Entry
	Conditions Seen[[]Condition]

	Namespaces Seen[[]inject.Namespace]
	Trial      Seen[*Trial]
	// Limits are the namespaces that refuse a pod with a sidecar, but not one without.
	Limits Seen[[]Refusal]
	Fleet  Seen[[]*live.Workload]
	// Lacking are the rights that sidecars of running pods lack.
	Lacking Seen[[]webhook.MissingAccess]
	// Apart are sidecars of running pods that may not be able to read what the app writes.
	Apart []Apart
}

// Apart is such a sidecar, in the pods of one namespace.
type Apart struct {
	Namespace, Instance string
	// Pod is one of them; Text says of it whose files they are.
	Pod, Text string
}

// Condition is what a custom resource says of itself.
type Condition struct {
	Name string
	// Ready is True, False, Unknown, or "" if nobody has written it yet.
	Ready   string
	Message string
	// Behind says that it is about an older generation.
	Behind bool
}

// Trial is what became of the pod that was created by dry run.
type Trial struct {
	Namespace string
	// Injected says that it came back with a sidecar of ours.
	Injected bool
	Warnings []string
	// Cause is what the API server said about the call of our webhook; CauseNone if it
	// said nothing.
	Cause Cause
	// Message is the API server's own, "" if the pod was admitted.
	Message string
	// Guarded says that the chart's guard refused it, for it came without a sidecar.
	Guarded bool
	// Reached is what the API server said when it was asked to reach the Service by
	// itself, where the trial did not tell why: CauseNone if it did reach it.
	Reached Seen[Cause]
}

// Refusal is a namespace that does not admit a pod with a sidecar.
type Refusal struct {
	Namespace, Template, Message string
}

// installation is the one that is looked at.
func (f *Facts) installation() live.Installation {
	if len(f.Installations) == 0 {
		return live.Installation{}
	}
	return f.Installations[0]
}

// installedAt says whether there is an injector whose objects lie in a namespace.
func (f *Facts) installedAt() bool { return !f.Before && f.installation().Namespace != "" }

// ours are the webhook configurations of the installation.
func (f *Facts) ours() []admissionregistrationv1.MutatingWebhookConfiguration {
	var all []admissionregistrationv1.MutatingWebhookConfiguration
	for i := range f.Mutating.Value {
		if c := f.Mutating.Value[i]; live.Ours(&c) && !f.Before {
			all = append(all, c)
		}
	}
	return all
}

// validating is the installation's validating configuration; nil if there is none.
func (f *Facts) validating() *admissionregistrationv1.ValidatingWebhookConfiguration {
	for i := range f.Validating.Value {
		if c := &f.Validating.Value[i]; !f.Before && c.Name == f.installation().Name {
			return c
		}
	}
	return nil
}
