// Package explain describes why a pod has the containers that it has: where each comes from, with template,
// revision, rule and parameters; for a pod without sidecars, the rule that prevents them and what to do
// about it. It works on values: what has to be read from a cluster is read by package live.
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

// Explanation describes one pod, and what its READY column shows.
type Explanation struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// NamespaceAssumed is true if the namespace is not among the input, so it counts as enabled.
	NamespaceAssumed bool `json:"namespaceAssumed,omitempty"`
	// ServiceAccount is the name of the pod's service account.
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// File and Line are absent for an object read from a cluster.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`

	// Outcome, Reason and Detail are those of the decision on the pod if it were created now.
	Outcome inject.Outcome `json:"outcome"`
	Reason  inject.Reason  `json:"reason"`
	Detail  string         `json:"detail,omitempty"`
	// Live is true if the pod exists in a cluster. Containers and Ready then describe its present state,
	// and Missing what it would get in addition if it were created now; nil if that is nothing.
	Live    bool     `json:"live,omitempty"`
	Missing *Missing `json:"missing,omitempty"`
	// Ready is the READY column, such as 3/3. If Observed is false, it is what the column will show once
	// all containers are up.
	Ready    string `json:"ready,omitempty"`
	Observed bool   `json:"observed,omitempty"`

	// Pods are the present pods of a workload in a cluster, grouped by their sidecars.
	Pods []PodGroup `json:"pods,omitempty"`

	// Containers in the order of the pod, init containers first.
	Containers []Container `json:"containers,omitempty"`
	Instances  []Instance  `json:"instances,omitempty"`
	// PodGets are the added fields of the pod itself, except containers and volumes.
	PodGets []string `json:"podGets,omitempty"`
	// Rules are the tests of the pod as a whole, in the order in which they were applied, up to the one
	// that ended the decision, if any.
	Rules    []Rule   `json:"rules,omitempty"`
	Remedies []Remedy `json:"remedies,omitempty"`
	Warnings []string `json:"warnings,omitempty"`

	title       string
	misplaced   []offline.Misplaced
	rightsGiven bool
	// doubtful is true if one of the sidecars has a problem.
	doubtful bool
	// uid is that of the existing pod. ended is true if Warnings has what ended it.
	uid   string
	ended bool
}

// Container is one container of the pod with its sidecars.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	// Role is one of the role constants.
	Role string `json:"role"`
	// Counts is true if the READY column counts the container; it does not count init containers that end.
	Counts bool `json:"counts"`
	// Instance is the instance that added it; "" for the app's own.
	Instance string `json:"instance,omitempty"`
	// State is the container's state in the cluster; "" without a cluster.
	State string `json:"state,omitempty"`
	// Gets is what sidecars add to a container of the app.
	Gets []string `json:"gets,omitempty"`
	// Trouble is nil for a healthy sidecar, and for the app's own containers.
	Trouble *Trouble `json:"trouble,omitempty"`

	ready bool
	// log is the command that shows the log of a healthy sidecar in a cluster.
	log string
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
	// Canaries are the canaries of the template. If one of them applies, Kind, Origin and Description are
	// the canary's, and so is Revision unless the sidecar is already in the pod.
	Canaries []Canary       `json:"canaries,omitempty"`
	Outcome  inject.Outcome `json:"outcome"`
	Reason   inject.Reason  `json:"reason"`
	Detail   string         `json:"detail,omitempty"`
	// Missing is true if the pod exists without the instance.
	Missing bool `json:"missing,omitempty"`
	// AskedBy is the annotation or rule that requested it, AskedAt its place.
	AskedBy string `json:"askedBy,omitempty"`
	AskedAt string `json:"askedAt,omitempty"`
	// AskedByPod is true if AskedBy is in the pod or its template.
	AskedByPod bool      `json:"-"`
	Targets    []string  `json:"targets,omitempty"`
	Containers []string  `json:"containers,omitempty"`
	Volumes    []string  `json:"volumes,omitempty"`
	Parameters []Setting `json:"parameters,omitempty"`
	Notes      []string  `json:"notes,omitempty"`
	// Apart lists warnings about files that it may not be able to read, because it runs as another user
	// than the app.
	Apart []string `json:"apart,omitempty"`
	// Needs are the permissions that the pod's service account must have.
	Needs    []v1alpha1.Permission `json:"needs,omitempty"`
	Outdated string                `json:"outdated,omitempty"`
	// Rules are the tests of the instance, in the order in which they were applied.
	Rules []Rule `json:"rules,omitempty"`

	askedBy inject.Reason
	canary  string // name of the canary that Revision belongs to
}

// Canary is a canary of a template, and whether it applies to the pod.
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
	// At is the place of the annotation.
	At string `json:"at,omitempty"`
}

// New explains one answer. What only a cluster knows is added afterwards by AddPods, AddMissingAccess,
// SetLastLine and AddEvents.
func New(a *offline.Answer) (*Explanation, error) {
	injected, err := a.Injected()
	if err != nil {
		return nil, err
	}
	var before, after podFields
	for raw, into := range map[*podFields][]byte{&before: a.Pod.JSON, &after: injected} {
		// Fields of the wrong type are ignored here; the API server rejects them.
		if err := json.Unmarshal(into, raw); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
			return nil, fmt.Errorf("%s: pod: %w", a.Place(""), err)
		}
	}
	e := &Explanation{
		Kind: a.Pod.Kind, Name: a.Name, Namespace: a.Namespace.Name, NamespaceAssumed: a.Assumed,
		Outcome: a.Result.Outcome, Reason: a.Result.Reason, Detail: a.Result.Detail,
		ServiceAccount: cmp.Or(before.Spec.ServiceAccountName, "default"),
		Warnings:       a.Result.Warnings, title: a.Title(), misplaced: a.Misplaced,
	}
	if !a.Live {
		e.File, e.Line = a.Pod.Document.File, a.Pod.Line
	}
	e.Instances = explainInstances(a)
	if a.Pod.Kind == "Pod" && before.live() {
		e.explainLive(a, &before, &after)
		e.findTrouble(&before)
		e.findTokenless(&before)
	} else {
		e.Containers = explainContainers(e.Instances, &before, &after)
		if e.Outcome != inject.Refused {
			e.Ready, e.Observed = readyFigure(e.Containers, &after)
		}
		e.PodGets = podGets(a.Result.Operations)
	}
	if len(a.Doubts) > 0 && !a.Result.Allowed() {
		e.becomeUnknown(a)
		return e, nil
	}
	e.doubted(a)
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

// explainInstances returns the instances of the decision, in its order, followed by those of an earlier
// injection that are in the pod although nothing requests them now.
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
				setting.At = a.Place(annotationField(in.Name + "." + inject.Domain + "/" + p.Given))
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

// declinesNoMatch is the note on a matching template in a pod whose request annotation is empty.
const declinesNoMatch = "the pod's annotation " + inject.RequestAnnotation + " is empty: that declines what its namespace asks for, and no template that matches; " +
	"the label " + inject.InjectionLabel + ": disabled does"

// tellAsker sets AskedBy and AskedAt.
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
