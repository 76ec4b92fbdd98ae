package inject

import "slices"

// Outcome is the result of the decision on a pod or on one instance.
type Outcome string

// The outcomes.
const (
	Injected        Outcome = "injected"
	Unchanged       Outcome = "unchanged"
	Skipped         Outcome = "skipped"
	Refused         Outcome = "refused"
	AdmittedWithout Outcome = "admittedWithout"
	Error           Outcome = "error"
)

// Reason is the cause of an outcome, in one word. The set is closed: it is used in messages, metric labels,
// events, audit annotations, explain and the documentation.
type Reason string

// The reasons, in the order of the decision: the first that holds wins.
const (
	MirrorPod         Reason = "MirrorPod"
	SystemNamespace   Reason = "SystemNamespace"
	NamespaceDisabled Reason = "NamespaceDisabled"
	PodDisabled       Reason = "PodDisabled"
	UnknownLabelValue Reason = "UnknownLabelValue"
	NotEnabled        Reason = "NotEnabled"
	NothingRequested  Reason = "NothingRequested"

	WindowsPod      Reason = "WindowsPod"
	HostNetwork     Reason = "HostNetwork"
	NeverCompletes  Reason = "NeverCompletes"
	AlreadyInjected Reason = "AlreadyInjected"

	BadRequest      Reason = "BadRequest"
	UnknownTemplate Reason = "UnknownTemplate"
	TemplateInvalid Reason = "TemplateInvalid"
	BadParameter    Reason = "BadParameter"
	BadOverride     Reason = "BadOverride"
	NoTarget        Reason = "NoTarget"

	ValidationFailed Reason = "ValidationFailed"
	Conflict         Reason = "Conflict"
	BudgetExceeded   Reason = "BudgetExceeded"

	Annotation          Reason = "Annotation"
	NamespaceAnnotation Reason = "NamespaceAnnotation"
	TemplateMatch       Reason = "TemplateMatch"

	InternalError Reason = "InternalError"
)

// ReasonInfo is the documentation of a reason.
type ReasonInfo struct {
	Reason Reason
	// Outcomes are those that the reason can have.
	Outcomes []Outcome
	// Text says what the reason means, Cause what leads to it, Fix what to do. Fix is "" if nothing is
	// wrong.
	Text, Cause, Fix string
}

// Info returns the entry of a reason in Reasons; the zero value if it is not in the list.
func (r Reason) Info() ReasonInfo {
	all := Reasons()
	if i := slices.IndexFunc(all, func(info ReasonInfo) bool { return info.Reason == r }); i >= 0 {
		return all[i]
	}
	return ReasonInfo{}
}

// Reasons returns the closed list in the order of the decision. The slice is the caller's.
func Reasons() []ReasonInfo {
	fault := []Outcome{Refused, AdmittedWithout}
	return []ReasonInfo{
		{MirrorPod, []Outcome{Skipped},
			"The pod mirrors a static pod of a node.",
			"The kubelet runs static pods from files; what is changed in the API server never reaches them.",
			"Put the sidecar into the static pod's file: sidecar-injector inject -f FILE prints it."},
		{SystemNamespace, []Outcome{Skipped},
			"The namespace is the cluster's own or the injector's.",
			"kube-system, kube-public, kube-node-lease and the injector's namespace are never injected into, so that the cluster can always start.",
			"Run the workload in a namespace of its own."},
		{NamespaceDisabled, []Outcome{Skipped},
			"The namespace's label sidecar-injector.dev/injection is disabled.",
			"Disabled on the namespace or the pod always wins.",
			"kubectl label namespace NAMESPACE sidecar-injector.dev/injection=enabled --overwrite"},
		{PodDisabled, []Outcome{Skipped},
			"The pod's label sidecar-injector.dev/injection is disabled.",
			"Disabled on the namespace or the pod always wins.",
			"Remove the label from the pod template's metadata.labels."},
		{UnknownLabelValue, []Outcome{Skipped},
			"The label sidecar-injector.dev/injection has a value other than enabled and disabled.",
			"Label values are compared exactly: true, on and Enabled mean nothing.",
			"Set the label to enabled or disabled on the object that the warning names."},
		{NotEnabled, []Outcome{Skipped},
			"Neither the namespace nor the pod has the label sidecar-injector.dev/injection: enabled.",
			"Injection is opt-in by namespace, or by pod.",
			"kubectl label namespace NAMESPACE sidecar-injector.dev/injection=enabled"},
		{NothingRequested, []Outcome{Skipped},
			"Nobody asked for a sidecar: no annotation on pod or namespace, and no template matches.",
			"The annotation belongs on the pod (in a Deployment: spec.template.metadata.annotations), not on the workload. An empty value declines the namespace's default.",
			"Annotate the pod template: sidecar-injector.dev/inject: TEMPLATE"},
		{WindowsPod, []Outcome{Skipped},
			"The pod runs on Windows and the template does not support that.",
			"Most images are for Linux; a template says supports: [windows] if its own is not.",
			"Leave the sidecar out, or use a template that supports windows."},
		{HostNetwork, []Outcome{Skipped},
			"The pod uses the node's network and the template does not support that.",
			"A sidecar's ports would be the node's own and clash with other pods'.",
			"Leave the sidecar out, or use a template that supports hostNetwork."},
		{NeverCompletes, []Outcome{Skipped},
			"The sidecar never ends, and the pod has to.",
			"In container mode a sidecar that goes on running keeps a Job from completing.",
			"Use native sidecars (remove the annotation native: \"false\"), or a template with completes: true."},
		{AlreadyInjected, []Outcome{Unchanged},
			"The sidecar is already there.",
			"The annotation sidecar-injector.dev/status lists it, and its containers and volumes exist. Old revisions are never rewritten.",
			"To get today's revision, let the pod be created anew: kubectl rollout restart."},
		{BadRequest, fault,
			"The request cannot be read.",
			"The annotation sidecar-injector.dev/inject is a list of [instance=]template, separated by commas; names are DNS labels of at most 30 characters.",
			"Correct the annotation at the place that the message names."},
		{UnknownTemplate, fault,
			"There is no template of that name.",
			"A template is looked up in the pod's namespace, in the cluster, in the mounted directory, and among the built-in ones.",
			"sidecar-injector templates list shows the names."},
		{TemplateInvalid, fault,
			"The template has faults and no earlier good version is in force, or it cannot be rendered for this pod.",
			"A broken template is refused with all its faults when it is loaded.",
			"sidecar-injector validate -f FILE shows every fault with its place."},
		{BadParameter, fault,
			"A parameter is unknown, missing, or its value is not of the parameter's type.",
			"Parameters are annotations <instance>.sidecar-injector.dev/<parameter> on the pod, or on its namespace as a default.",
			"sidecar-injector templates show TEMPLATE lists the parameters."},
		{BadOverride, fault,
			"The override annotation cannot be applied.",
			"It holds container fields that the template allows to be overridden, as YAML of at most 8 KiB without anchors.",
			"sidecar-injector templates show TEMPLATE lists the fields that may be overridden."},
		{NoTarget, fault,
			"The container that the sidecar works for is not in the pod.",
			"The template, or the containers annotation, names a container of the app that does not exist.",
			"Set <instance>.sidecar-injector.dev/containers to names of containers in the pod."},
		{ValidationFailed, fault,
			"The pod does not have what the template demands of it.",
			"A template says by validations what it needs: a port of the app, a folder that is mounted, a token. The message is the template's own.",
			"Do what the message says, or leave the sidecar out."},
		{Conflict, fault,
			"Something that the sidecar needs is already taken in another way.",
			"The pod, or another sidecar, has a container, volume, mount path, port or value of the same name with another meaning.",
			"Rename one of the two, or keep the annotation sidecar-injector.dev/status if the sidecar was injected by hand."},
		{BudgetExceeded, fault,
			"The pod and its sidecars take more than one pod may: of work, of CEL's units, of bytes added, or of instances.",
			"Something large times something large: a long parameter and many containers, a large template and a large pod, or many templates that match. The message says what was counted.",
			"Ask for fewer sidecars, let them work for fewer containers, or narrow the match of templates."},
		{Annotation, []Outcome{Injected, Refused},
			"The pod's annotation asked for the sidecar.", "sidecar-injector.dev/inject on the pod.", ""},
		{NamespaceAnnotation, []Outcome{Injected, Refused},
			"The namespace's annotation asked for the sidecar.", "sidecar-injector.dev/inject on the namespace is the default for pods without it.",
			"To decline it, give the pod the annotation with an empty value."},
		{TemplateMatch, []Outcome{Injected, Refused},
			"The template selects the pod.", "A template with match is injected without being asked.",
			"To decline it, give the pod the label sidecar-injector.dev/injection: disabled."},
		{InternalError, []Outcome{Error},
			"The injector could not answer.",
			"A fault of the injector itself or of what it depends on. The webhook configuration's failurePolicy decides about the pod.",
			"See the injector's log; report it if it is a bug."},
	}
}
