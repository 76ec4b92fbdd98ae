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

// Seen is the result of a read: a value or an error. An object that does not exist is the zero value
// without an error.
type Seen[T any] struct {
	Value T
	Err   error
}

// Facts are the input of the checks.
type Facts struct {
	// Before is true if the injector is not installed yet.
	Before bool
	Now    time.Time

	Version version.Info
	// Kubelets is the number of nodes by the version of their kubelet.
	Kubelets Seen[map[string]int]
	// Webhooks is true if the API server serves webhook configurations.
	Webhooks Seen[bool]
	// Rights are the permissions that an installation needs and the user lacks.
	Rights Seen[[]string]

	Mutating   Seen[[]admissionregistrationv1.MutatingWebhookConfiguration]
	Validating Seen[[]admissionregistrationv1.ValidatingWebhookConfiguration]

	Installations []live.Installation
	// The following fields are about the first installation.
	Deployment Seen[*appsv1.Deployment]
	Pods       Seen[[]corev1.Pod]
	Service    Seen[*corev1.Service]
	Endpoints  Seen[[]discoveryv1.EndpointSlice]
	Lease      Seen[*coordinationv1.Lease]
	Secret     Seen[*corev1.Secret]
	Config     Seen[*corev1.ConfigMap]

	// CRDs has the order of crdNames; an item is nil if it does not exist.
	CRDs Seen[[]*apiextensionsv1.CustomResourceDefinition]
	// Templates are all templates that a pod may request. Conditions are those of the custom resources
	// among them.
	Templates  []templates.Entry
	Conditions Seen[[]Condition]

	Namespaces Seen[[]inject.Namespace]
	Trial      Seen[*Trial]
	// Limits are the namespaces that reject a pod with a sidecar, but not the same pod without.
	Limits Seen[[]Refusal]
	Fleet  Seen[[]*Workload]
	// Lacking are the permissions that sidecars of running pods lack.
	Lacking Seen[[]webhook.MissingAccess]
	// Apart are sidecars of running pods that may have no access to the app's files.
	Apart []Apart
}

// Apart is a sidecar of that kind, in the pods of one namespace.
type Apart struct {
	Namespace, Instance string
	// Pod is the name of one of the pods; Text describes the problem in it.
	Pod, Text string
}

// Condition is the Ready condition of a template resource.
type Condition struct {
	Name string
	// Ready is True, False or Unknown; "" if there is no such condition yet.
	Ready   string
	Message string
	// Behind is true if the status is about an older generation.
	Behind bool
}

// Trial is the result of creating a pod by dry run.
type Trial struct {
	Namespace string
	// Injected is true if the pod came back with a sidecar.
	Injected bool
	Warnings []string
	// Cause is why the API server's call of the webhook failed, as its error message says; CauseNone if the
	// message is about something else or there is none.
	Cause Cause
	// Message is the API server's error message; "" if the pod was admitted.
	Message string
	// Guarded is true if the chart's guard refused the pod because it lacks its sidecar.
	Guarded bool
	// Reached is the result of a request through the API server to the Service, made if the dry run itself
	// does not show why the sidecar is missing. Its value is CauseNone if the Service was reached.
	Reached Seen[Cause]
}

// Refusal describes a namespace that rejects a pod with a sidecar.
type Refusal struct {
	Namespace, Template, Message string
}

// installation returns the first installation, or the zero value.
func (f *Facts) installation() live.Installation {
	if len(f.Installations) == 0 {
		return live.Installation{}
	}
	return f.Installations[0]
}

// installed reports whether an injector is installed.
func (f *Facts) installed() bool { return !f.Before && len(f.Installations) > 0 }

// installedAt reports whether an injector is installed and its namespace known.
func (f *Facts) installedAt() bool { return !f.Before && f.installation().Namespace != "" }

// ours returns the mutating webhook configurations of injectors.
func (f *Facts) ours() []admissionregistrationv1.MutatingWebhookConfiguration {
	var all []admissionregistrationv1.MutatingWebhookConfiguration
	for i := range f.Mutating.Value {
		if c := f.Mutating.Value[i]; live.Ours(&c) && !f.Before {
			all = append(all, c)
		}
	}
	return all
}

// hooks returns the webhooks of ours.
func (f *Facts) hooks() []admissionregistrationv1.MutatingWebhook {
	var all []admissionregistrationv1.MutatingWebhook
	for _, c := range f.ours() {
		all = append(all, c.Webhooks...)
	}
	return all
}

// validating returns the installation's validating webhook configuration; nil if there is none.
func (f *Facts) validating() *admissionregistrationv1.ValidatingWebhookConfiguration {
	for i := range f.Validating.Value {
		if c := &f.Validating.Value[i]; !f.Before && c.Name == f.installation().Name {
			return c
		}
	}
	return nil
}
