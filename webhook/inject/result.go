package inject

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Request is the input of Inject for one pod.
type Request struct {
	// Pod is the pod's JSON as received. It is neither modified nor retained.
	Pod []byte
	// Read is the pod as returned by ReadPod, for callers that found it within a larger text; Pod is then
	// ignored.
	Read *Pod
	// Namespace is where the pod is created. In an admission it is the request's namespace, which the pod
	// itself may lack.
	Namespace Namespace
	// ClaimVolumes are the names of a StatefulSet's volumeClaimTemplates, whose volumes its controller adds
	// to the pods and which a pod template does not show. Nil in an admission of a pod.
	ClaimVolumes []string
	// Owner is the object that contains the pod template, if Pod is one. The zero value means that the
	// pod's owner reference is used.
	Owner Owner
	// Offline is true if the API server has not seen the pod, so its defaults and the service account's
	// secrets are missing.
	Offline bool
	// Permissions requests Instance.Permissions, and Instance.Apart of sidecars that are already in the
	// pod, which the decision itself does not need.
	Permissions bool
	// Evaluations requests Instance.Variables and Instance.Evaluations, which the decision itself does not
	// need.
	Evaluations bool
	// First, if not 0, applies the additions of the first so many accepted instances only, to show them
	// step by step.
	First int
	// Canary, if not nil, is the name of the only canary in effect, regardless of its own conditions; for
	// tests of templates.
	Canary *string
	// Cover, if not nil, records which parts of their templates the renderings reach.
	Cover *templates.Cover
}

// Namespace is the metadata of a namespace.
type Namespace struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
}

// EnabledNamespace returns a namespace that is opted in: what every namespace is taken for that nobody can ask about.
func EnabledNamespace(name string) Namespace {
	return Namespace{Name: name, Labels: map[string]string{InjectionLabel: labelEnabled}}
}

// Settings are the injector's settings, the same for every pod. The zero value is the default.
type Settings struct {
	// ContainerMode injects regular containers instead of native sidecars by default; a pod's native
	// annotation overrides it.
	ContainerMode bool
	// OnUnknownTemplate is the policy for BadRequest, UnknownTemplate and TemplateInvalid; "" is Fail.
	OnUnknownTemplate v1alpha1.FailurePolicy
	// Cluster holds the strings that templates read as cluster.NAME.
	Cluster map[string]string
	// OwnNamespace is the injector's namespace, whose pods are never injected; "" offline.
	OwnNamespace string
	// Kubernetes is the API server's release, against which fields in overrides are checked; nil if
	// unknown.
	Kubernetes *version.Version
}

// Result is the decision on one pod. It is complete: webhook, command line and playground only present it.
type Result struct {
	// Outcome and Reason of the pod as a whole: the worst of its instances' outcomes or, if nothing was
	// requested or injection is not allowed, the rule that ended the decision.
	Outcome Outcome
	Reason  Reason
	// Detail is a sentence about this pod if nothing was requested or injection is not allowed; else "".
	Detail string
	// Trace records the rules that were applied.
	Trace Trace

	// Instances in the order of the request, then those of matching templates.
	Instances []Instance
	// Leftovers are sidecars of an earlier injection that are complete in the pod and that none of the
	// Instances stands for, sorted by name.
	Leftovers []Leftover
	// Faults of all instances, sorted by place, including those that the policy ignores.
	Faults []Fault
	// Warnings for the user who creates the pod: sorted, printable single lines of at most 256 bytes each.
	Warnings []string
	// Work is how many units of the pod's budget were spent. It depends neither on the machine nor on
	// earlier requests.
	Work int
	// Operations turn the pod into the injected pod; empty if nothing changes.
	Operations []Operation
	// Crashes are panics, which are bugs of the injector, that affected one instance only. They are for the
	// log and are not shown to users.
	Crashes []Crash

	// set and whose are for Trials; nil if there are no canaries.
	set   *templates.Set
	whose *templates.Workload
}

// Trials returns the canaries of the template of Instances[i] and whether each applies to this pod. They
// are computed at each call.
func (r *Result) Trials(i int) []templates.Trial {
	if r.set == nil {
		return nil
	}
	return r.set.Trials(r.whose, r.Instances[i].TemplateName)
}

// Crash is a panic while an instance was rendered.
type Crash struct{ Instance, Template, Stack string }

// Instance is the decision on one template instance.
type Instance struct {
	Name string
	// TemplateName is the name that was requested; Template is nil if there is no template of that name.
	TemplateName string
	Template     *templates.Template
	// AskedBy is Annotation, NamespaceAnnotation or, for a template that matches the pod without being
	// requested, TemplateMatch.
	AskedBy Reason
	Outcome Outcome
	Reason  Reason
	// Detail is a sentence about this pod: which annotation requested it, or what prevents it.
	Detail string
	// Entry is the instance's entry in the pod's status; nil unless the instance is unchanged, or was left
	// out before.
	Entry *StatusEntry
	// Parameters that have a valid value, with their origin, in the template's order, whatever the outcome.
	// For an instance that is already in the pod they are today's.
	Parameters []Parameter
	// Targets are the app's containers that it works for.
	Targets []string
	// Containers and Volumes that it adds or, if unchanged, that it added before.
	Containers []AddedContainer
	Volumes    []string
	// Notes are facts that are not warnings: "env LOG_LEVEL: the app's own value wins".
	Notes []string
	// Apart lists warnings about containers that may have no access to the app's files or processes,
	// because they run as another user.
	Apart []string
	// Permissions are the rights that the pod's service account needs for the instance to work, if the
	// Request asks for them.
	Permissions []v1alpha1.Permission
	// Variables and Evaluations are the values of the template's variables and expressions, if the Request
	// asks for them and the instance was rendered.
	Variables   []templates.Variable
	Evaluations []templates.Evaluated
	// Outdated describes how the template or parameters differ from those that the pod was injected with;
	// "" if they do not.
	Outdated string

	// passed are the rules that the instance passed: see Result.InstanceRules.
	passed passes
}

// Leftover is a sidecar that is in the pod although nothing requests it now.
type Leftover struct {
	Name string
	StatusEntry
	// Today is the present template of that name; nil if there is none.
	Today *templates.Template
}

// Parameter is one parameter's value and where it came from.
type Parameter struct {
	Name, Text string
	// Origin is one of the Origin constants.
	Origin string
	// Given is the name in the annotation that gives it, of a map's entries the first: with the key.
	Given string
}

// AddedContainer is one container of an instance.
type AddedContainer struct {
	Name   string
	Native bool
}

// Fault is one mistake of the person who wrote the pod (or of the template's author).
type Fault struct {
	Reason Reason
	// Instance is the instance's name, "" if the request itself is at fault. Index is its index in
	// Instances, since two may have the same name; -1 if it is none of them.
	Instance string
	Index    int
	// Place is the annotation or field: metadata.annotations["…"], spec.containers[web].
	Place string
	// Message says what is wrong, Fix what to do about it ("" if the message says it all).
	Message, Fix string
	// Ignored is set if the policy admits the pod without this instance.
	Ignored bool
}

// Operation is one RFC 6902 operation. It is always an add, which replaces an existing member of an object.
type Operation struct {
	// Path is a JSON pointer into the pod.
	Path string
	// Value is JSON.
	Value []byte
}

// Tokens returns the member names and indexes of Path.
func (o *Operation) Tokens() []string {
	tokens := strings.Split(strings.TrimPrefix(o.Path, "/"), "/")
	for i, token := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return tokens
}
