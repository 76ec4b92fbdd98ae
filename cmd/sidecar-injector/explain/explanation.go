// Package explain says why a pod has the containers that it has: of each whose it is, which template
// and revision it came from, by which rule, and with which parameters; for a pod without sidecars, the first rule
// that said no and what to do about it. It works on values: a cluster's part of them is read by package live.
package explain

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Explanation says of one pod why READY says what it says.
type Explanation struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// NamespaceAssumed says that nobody gave the namespace: it counts as enabled.
	NamespaceAssumed bool `json:"namespaceAssumed,omitempty"`
	// ServiceAccount is the one that the pod runs as.
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// File and Line are absent for what was read from a cluster.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`

	// Outcome, Reason and Detail are of the decision about a pod that is created now.
	Outcome inject.Outcome `json:"outcome"`
	Reason  inject.Reason  `json:"reason"`
	Detail  string         `json:"detail,omitempty"`
	// Live says that the pod exists in a cluster: Containers and Ready are as they are
	// there, and Missing, nil if nothing is, what it would get if it were created now.
	Live    bool     `json:"live,omitempty"`
	Missing *Missing `json:"missing,omitempty"`
	// Ready is the READY column, such as 3/3. Unless Observed, it is what it will say
	// once all containers are up.
	Ready    string `json:"ready,omitempty"`
	Observed bool   `json:"observed,omitempty"`

	// Pods are those that a workload of a cluster has now, by what they carry.
	Pods []PodGroup `json:"pods,omitempty"`

	// Containers in the order in which the pod has them, init containers first.
	Containers []Container `json:"containers,omitempty"`
	Instances  []Instance  `json:"instances,omitempty"`
	// PodGets are the fields of the pod itself that are added, other than containers and volumes.
	PodGets []string `json:"podGets,omitempty"`
	// Rules are those of the decision about the pod as a whole, in the order in which they
	// were tried, up to the one that said no, if one did.
	Rules    []Rule   `json:"rules,omitempty"`
	Remedies []Remedy `json:"remedies,omitempty"`
	Warnings []string `json:"warnings,omitempty"`

	misplaced   []offline.Misplaced
	rightsGiven bool
}

// Container is one container of the pod with its sidecars.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	// Role is one of the role constants.
	Role string `json:"role"`
	// Counts says that READY counts it: init containers that end are not counted.
	Counts bool `json:"counts"`
	// Instance that it belongs to; "" for the app's own.
	Instance string `json:"instance,omitempty"`
	// State is what the cluster said of it, "" without a cluster's word.
	State string `json:"state,omitempty"`
	// Gets is what sidecars put into a container of the app.
	Gets []string `json:"gets,omitempty"`
	// Trouble is nil for a sidecar that is well, and for the app's own containers.
	Trouble *Trouble `json:"trouble,omitempty"`

	ready bool
}

// The roles of a container.
const (
	roleSidecar  = "sidecar"        // a native one
	roleInjected = "container"      // an injected one in container mode
	roleInit     = "init container" // it ends before the app starts
	roleApp      = "app"
)

// Instance is one template instance: what asked for it and what it does.
type Instance struct {
	Name        string `json:"name"`
	Template    string `json:"template"`
	Kind        string `json:"kind,omitempty"`
	Revision    string `json:"revision,omitempty"`
	Origin      string `json:"origin,omitempty"`
	Description string `json:"description,omitempty"`
	// Canaries are those that may take the template's place. Of one that counts, Kind, Origin and
	// Description are the instance's, and Revision too unless it is there already.
	Canaries []Canary       `json:"canaries,omitempty"`
	Outcome  inject.Outcome `json:"outcome"`
	Reason   inject.Reason  `json:"reason"`
	Detail   string         `json:"detail,omitempty"`
	// Missing says that the pod exists without it.
	Missing bool `json:"missing,omitempty"`
	// AskedBy is the line that asked for it, and where that stands.
	AskedBy string `json:"askedBy,omitempty"`
	AskedAt string `json:"askedAt,omitempty"`
	// AskedByPod says that it stands in the pod itself, or in its template.
	AskedByPod bool      `json:"-"`
	Targets    []string  `json:"targets,omitempty"`
	Containers []string  `json:"containers,omitempty"`
	Volumes    []string  `json:"volumes,omitempty"`
	Parameters []Setting `json:"parameters,omitempty"`
	Notes      []string  `json:"notes,omitempty"`
	// Apart says what it may not be able to read, for it runs as another user than the app.
	Apart []string `json:"apart,omitempty"`
	// Needs are the rights that the pod's service account has to have.
	Needs    []v1alpha1.Permission `json:"needs,omitempty"`
	Outdated string                `json:"outdated,omitempty"`
	// Rules are those that were tried on the instance, in their order.
	Rules []Rule `json:"rules,omitempty"`

	askedBy inject.Reason
	canary  string // the one that the Revision is of
}

// Canary is a template that may take the place of another, and whether it does for the pod.
type Canary struct {
	Name   string `json:"name"`
	Counts bool   `json:"counts"`
	Why    string `json:"why"`
}

// Setting is a parameter's value.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
	// At is where the annotation stands.
	At string `json:"at,omitempty"`
}

// New explains one answer. What a cluster knows beside the pod itself is added to it later, by AddPods,
// AddMissingAccess and SetLastLine.
func New(a *offline.Answer) (*Explanation, error) {
	injected, err := a.Injected()
	if err != nil {
		return nil, err
	}
	var before, after podFields
	for raw, into := range map[*podFields][]byte{&before: a.Pod.JSON, &after: injected} {
		// What is of the wrong type is for the API server to refuse; here it only goes unseen.
		if err := json.Unmarshal(into, raw); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
			return nil, fmt.Errorf("%s: pod: %w", a.Place(""), err)
		}
	}
	e := &Explanation{
		Kind: a.Pod.Kind, Name: a.Name, Namespace: a.Namespace.Name, NamespaceAssumed: a.Assumed,
		Outcome: a.Result.Outcome, Reason: a.Result.Reason, Detail: a.Result.Detail,
		ServiceAccount: cmp.Or(before.Spec.ServiceAccountName, "default"),
		Warnings:       a.Result.Warnings, misplaced: a.Misplaced,
	}
	if !a.Live {
		e.File, e.Line = a.Pod.Document.File, a.Pod.Line
	}
	e.Instances = explainInstances(a)
	if a.Pod.Kind == "Pod" && before.live() {
		e.explainLive(a, &before, &after)
		e.findTrouble(&before)
	} else {
		e.Containers = explainContainers(e.Instances, &before, &after)
		if e.Outcome != inject.Refused {
			e.Ready, e.Observed = readyFigure(e.Containers, &after)
		}
		e.PodGets = podGets(a.Result.Operations)
	}
	if len(a.Doubts) > 0 {
		e.becomeUnknown(a)
		return e, nil
	}
	e.Rules = explainRules(a, a.Result.Rules())
	for i := range a.Result.Instances {
		e.Instances[i].Rules = explainRules(a, a.Result.InstanceRules(i))
	}
	e.Remedies = remedies(a)
	if e.outlived() {
		e.Remedies = append(e.Remedies, recreation(a, &before, len(e.Remedies) > 0))
	}
	return e, nil
}

// explainInstances are those of the decision, in its order, and then those that an
// earlier injection left in the pod though nobody asks for them now.
func explainInstances(a *offline.Answer) []Instance {
	var all []Instance
	for i := range a.Result.Instances {
		in := &a.Result.Instances[i]
		e := Instance{
			Name: in.Name, Template: in.TemplateName, Revision: in.Revision(), Outcome: in.Outcome, Reason: in.Reason, Detail: in.Detail,
			Targets: in.Targets, Volumes: in.Volumes, Notes: in.Notes, Apart: in.Apart, Needs: in.Permissions, Outdated: in.Outdated, askedBy: in.AskedBy,
		}
		for _, c := range in.Containers {
			e.Containers = append(e.Containers, c.Name)
		}
		if t := in.Template; t != nil {
			e.Kind, e.Origin, e.Description = t.Kind, offline.OriginText(t), t.Spec.Description
			if t.Canary != nil && e.Revision == t.Revision {
				e.canary = t.Canary.Name
			}
		}
		for _, trial := range a.Result.Trials(i) {
			e.Canaries = append(e.Canaries, Canary{trial.Template.Canary.Name, trial.Counts, trial.Why})
		}
		e.tellAsker(a, in)
		for _, p := range in.Parameters {
			setting := Setting{Name: p.Name, Value: p.Text, Origin: p.Origin}
			if p.Origin == inject.OriginAnnotation {
				setting.At = a.Place(annotationField(in.Name + "." + inject.Domain + "/" + p.Name))
			}
			e.Parameters = append(e.Parameters, setting)
		}
		all = append(all, e)
	}
	for _, l := range a.Result.Leftovers {
		all = append(all, Instance{
			Name: l.Name, Template: l.TemplateName(), Kind: l.TemplateKind(), Revision: l.Revision,
			Outcome: inject.Unchanged, Reason: inject.AlreadyInjected, Containers: l.ContainerNames(), Volumes: l.Volumes,
			Detail: inject.StatusAnnotation + " lists it, and all that it lists is there; nothing asks for it now",
		})
	}
	return all
}

// declinesNoMatch is told of a template that matches a pod which asks for nothing.
const declinesNoMatch = "the pod's annotation " + inject.RequestAnnotation + " is empty: that declines what its namespace asks for, and no template that matches; " +
	"the label " + inject.InjectionLabel + ": disabled does"

// tellAsker is the line that asked for the instance, and where it stands.
func (e *Instance) tellAsker(a *offline.Answer, in *inject.Instance) {
	asking := a.Result.Trace.Asking
	switch in.AskedBy {
	case inject.Annotation:
		e.AskedBy = inject.RequestAnnotation + ": " + terminal.Cut(asking.Text)
		e.AskedAt, e.AskedByPod = a.Place(annotationField(inject.RequestAnnotation)), true
	case inject.NamespaceAnnotation:
		e.AskedBy = inject.RequestAnnotation + ": " + terminal.Cut(asking.Text)
		e.AskedAt = "namespace " + a.Namespace.Name
	case inject.TemplateMatch:
		e.AskedBy = "spec.match of the template selects the pod"
		if in.Template != nil {
			e.AskedAt = offline.OriginText(in.Template)
		}
		if asking.Declines() {
			e.Notes = append([]string{declinesNoMatch}, e.Notes...)
		}
	}
}

func annotationField(key string) string { return fmt.Sprintf("metadata.annotations[%q]", key) }
