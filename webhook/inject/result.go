package inject

import (
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Request is one pod that wants an answer.
type Request struct {
	// Pod is the pod's JSON as received; it is read, never changed or kept.
	Pod []byte
	// Read is Pod as ReadPod gave it, for callers that came across it in a larger text;
	// Pod is then not looked at.
	Read *Pod
	// Namespace is where the pod is created: the admission request's namespace, not the pod's.
	Namespace Namespace
	// ClaimVolumes are volumes that the pod does not show yet because a StatefulSet's
	// controller adds them (the names of its volumeClaimTemplates). Nil in admission.
	ClaimVolumes []string
	// Owner is the object whose controller makes the pod, where the pod does not name it yet: the one
	// that a pod template stands in. The zero value: the pod says it itself.
	Owner Owner
	// Offline says that the API server has not seen the pod yet: its defaults and the
	// service account's secrets are still to come.
	Offline bool
	// Permissions asks for those of each instance, which an admission has no use for.
	Permissions bool
	// Evaluations asks for what the variables and expressions of each instance come to, which
	// an admission has no use for.
	Evaluations bool
	// First, where not 0, leaves away what all but the first so many of the accepted
	// instances add, for people who want to see one after the other.
	First int
	// Canary, where it is not nil, names the canary that counts whatever it says of itself, and no other
	// does: for tests of templates.
	Canary *string
	// Cover, where it is not nil, notes what the renderings reach of their templates.
	Cover *templates.Cover
}

// Namespace is what counts of a namespace: its metadata.
type Namespace struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
}

// Settings are the injector's own, the same for every pod. The zero value is the default.
type Settings struct {
	// ContainerMode injects regular containers where native sidecars would be the
	// default; a pod's native annotation still wins.
	ContainerMode bool
	// OnUnknownTemplate answers BadRequest, UnknownTemplate and TemplateInvalid; "" is Fail.
	OnUnknownTemplate v1alpha1.FailurePolicy
	// Cluster holds the strings that templates read as cluster.NAME.
	Cluster map[string]string
	// OwnNamespace is the injector's own, never injected into; "" offline.
	OwnNamespace string
	// Kubernetes is the API server's release, for which fields in overrides may be too new; nil where nobody knows.
	Kubernetes *version.Version
}

// Result is the answer for one pod. It is complete: every door (webhook, command
// line, page) shows it and adds nothing.
type Result struct {
	// Outcome and Reason of the pod as a whole: the worst of its instances'
	// outcomes, or, when nothing was asked or allowed, the first rule that said no.
	Outcome Outcome
	Reason  Reason
	// Detail is a sentence on this very pod when nothing was asked or allowed; else "".
	Detail string
	// Trace is how it came about.
	Trace Trace

	// Instances in the order in which they were asked for, then those that matched.
	Instances []Instance
	// Leftovers are sidecars of an earlier injection that are whole in the pod though
	// none of the Instances stands for them, by name.
	Leftovers []Leftover
	// Faults of all instances, sorted by place; also those that the policy ignores.
	Faults []Fault
	// Warnings for whoever created the pod: single lines, printable, at most 256
	// characters each, in a fixed order.
	Warnings []string
	// Work is what the answer took of the pod's budget, in units. It does not depend on the
	// machine, nor on what was asked before.
	Work int
	// Operations turn the pod into the injected pod; empty when nothing changes.
	Operations []Operation
	// Crashes are panics, bugs of the injector, that cost an instance and nothing else. They
	// are for the log: no answer shows them.
	Crashes []Crash

	// set and whose are nil where there are no canaries: see Trials.
	set   *templates.Set
	whose *templates.Workload
}

// Trials are the canaries that may take the place of the template of Instances[i], and what each comes to for this
// pod. Like InstanceRules they are made for whoever reads them.
func (r *Result) Trials(i int) []templates.Trial {
	if r.set == nil {
		return nil
	}
	return r.set.Trials(r.whose, r.Instances[i].TemplateName)
}

// Crash is a panic while an instance was made.
type Crash struct{ Instance, Template, Stack string }

// Instance is the decision on one template instance.
type Instance struct {
	Name string
	// TemplateName is what was asked for; Template is nil if there is none of that name.
	TemplateName string
	Template     *templates.Template
	// AskedBy is Annotation, NamespaceAnnotation or, where nobody asked for it but the
	// template's own match, TemplateMatch.
	AskedBy Reason
	Outcome Outcome
	Reason  Reason
	// Detail is a sentence on this very pod: which annotation asked, what is in the way.
	Detail string
	// Entry is what the pod's status says of it; nil unless it is unchanged, or was left
	// out before.
	Entry *StatusEntry
	// Parameters with their origin, in the template's order, whatever became of the
	// instance: those whose value is one. For one that is there, today's.
	Parameters []Parameter
	// Targets are the app's containers that it works for.
	Targets []string
	// Containers and Volumes that it adds or, when unchanged, had added.
	Containers []AddedContainer
	Volumes    []string
	// Notes are facts worth telling that are no warnings: "env LOG_LEVEL: the app's own value wins".
	Notes []string
	// Apart says which of its containers may not be able to read what the app writes, for they
	// run as another user.
	Apart []string
	// Permissions are the rights that the pod's service account needs for the instance to
	// work, where the Request asked for them.
	Permissions []v1alpha1.Permission
	// Variables and Evaluations are what its template's variables and expressions come to, where
	// the Request asked for them and the instance came as far as to be rendered.
	Variables   []templates.Variable
	Evaluations []templates.Evaluated
	// Outdated says how the template or parameters differ from those that the pod was
	// injected with; "" if they do not.
	Outdated string

	// passed are the rules that did not keep it out: see Result.InstanceRules.
	passed passes
}

// Leftover is a sidecar that is in the pod though nothing asks for it now.
type Leftover struct {
	Name string
	StatusEntry
	// Today is the template that has its template's name today; nil if there is none.
	Today *templates.Template
}

// Parameter is one parameter's value and where it came from.
type Parameter struct {
	Name, Text string
	// Origin is one of the Origin constants.
	Origin string
}

// AddedContainer is one container of an instance.
type AddedContainer struct {
	Name   string
	Native bool
}

// Fault is one mistake of the person who wrote the pod (or of the template's author).
type Fault struct {
	Reason Reason
	// Instance is its name, "" when the request itself cannot be read. Index is its place
	// among the Instances, for two may have one name; -1 when it is none of them.
	Instance string
	Index    int
	// Place is the annotation or field: metadata.annotations["…"], spec.containers[web].
	Place string
	// Message is the sentence, Fix what to do about it ("" if the message says it all).
	Message, Fix string
	// Ignored is set when the policy lets the pod in without this instance.
	Ignored bool
}

// Operation is one RFC 6902 operation; always an add, which on a map key replaces.
type Operation struct {
	// Path is a JSON pointer into the pod.
	Path string
	// Value is JSON.
	Value []byte
}
