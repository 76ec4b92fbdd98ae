package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explanation says of one pod why READY says what it says.
type explanation struct {
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
	Missing *missing `json:"missing,omitempty"`
	// Ready is the READY column, such as 3/3. Unless Observed, it is what it will say
	// once all containers are up.
	Ready    string `json:"ready,omitempty"`
	Observed bool   `json:"observed,omitempty"`

	// Pods are those that a workload of a cluster has now, by what they carry.
	Pods []podGroup `json:"pods,omitempty"`

	// Containers in the order in which the pod has them, init containers first.
	Containers []explainedContainer `json:"containers,omitempty"`
	Instances  []explainedInstance  `json:"instances,omitempty"`
	// PodGets are the fields of the pod itself that are added, other than containers and volumes.
	PodGets []string `json:"podGets,omitempty"`
	// Rules are those of the decision up to the one that said no; empty if none did.
	Rules    []explainedRule `json:"rules,omitempty"`
	Remedies []remedy        `json:"remedies,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`

	misplaced []misplacedGroup
}

// explainedContainer is one container of the pod with its sidecars.
type explainedContainer struct {
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

	ready bool
}

// The roles of a container.
const (
	roleSidecar  = "sidecar"        // a native one
	roleInjected = "container"      // an injected one in container mode
	roleInit     = "init container" // it ends before the app starts
	roleApp      = "app"
)

// explainedInstance is one template instance: what asked for it and what it does.
type explainedInstance struct {
	Name        string         `json:"name"`
	Template    string         `json:"template"`
	Kind        string         `json:"kind,omitempty"`
	Revision    string         `json:"revision,omitempty"`
	Origin      string         `json:"origin,omitempty"`
	Description string         `json:"description,omitempty"`
	Outcome     inject.Outcome `json:"outcome"`
	Reason      inject.Reason  `json:"reason"`
	Detail      string         `json:"detail,omitempty"`
	// Missing says that the pod exists without it.
	Missing bool `json:"missing,omitempty"`
	// AskedBy is the line that asked for it, and where that stands.
	AskedBy string `json:"askedBy,omitempty"`
	AskedAt string `json:"askedAt,omitempty"`
	// AskedByPod says that it stands in the pod itself, or in its template.
	AskedByPod bool               `json:"-"`
	Targets    []string           `json:"targets,omitempty"`
	Containers []string           `json:"containers,omitempty"`
	Volumes    []string           `json:"volumes,omitempty"`
	Parameters []explainedSetting `json:"parameters,omitempty"`
	Notes      []string           `json:"notes,omitempty"`
	// Needs are the rights that the pod's service account has to have.
	Needs    []v1alpha1.Permission `json:"needs,omitempty"`
	Outdated string                `json:"outdated,omitempty"`
	Rules    []explainedRule       `json:"rules,omitempty"`
}

// explainedSetting is a parameter's value.
type explainedSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
	// At is where the annotation stands.
	At string `json:"at,omitempty"`
}

// podFields is what an explanation reads of a pod.
type podFields struct {
	Metadata struct {
		UID                 string
		Labels, Annotations map[string]string
		OwnerReferences     []ownerReference
	}
	Spec struct {
		ServiceAccountName         string
		InitContainers, Containers []containerFields
	}
	Status podStatus
}

type ownerReference struct {
	Kind, Name string
	Controller bool
}

type podStatus struct {
	Phase                                    string
	InitContainerStatuses, ContainerStatuses []containerStatus
}

type containerFields struct {
	Name, Image, RestartPolicy string
	VolumeMounts               []struct{ Name, MountPath string }
	Env                        []struct{ Name string }
}

type containerStatus struct {
	Name         string
	Ready        bool
	RestartCount int
	State        map[string]struct{ Reason string }
}

// explain explains one answer; injected is the pod with its sidecars, as JSON.
func explain(a *answer, injected []byte) (*explanation, error) {
	var before, after podFields
	for raw, into := range map[*podFields][]byte{&before: a.pod.JSON, &after: injected} {
		// What is of the wrong type is for the API server to refuse; here it only goes unseen.
		if err := json.Unmarshal(into, raw); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
			return nil, fmt.Errorf("%s: pod: %w", a.place(""), err)
		}
	}
	e := &explanation{
		Kind: a.pod.Kind, Name: a.name, Namespace: a.namespace.Name, NamespaceAssumed: a.assumed,
		Outcome: a.result.Outcome, Reason: a.result.Reason, Detail: a.result.Detail,
		ServiceAccount: cmp.Or(before.Spec.ServiceAccountName, "default"),
		Warnings:       a.result.Warnings, misplaced: a.misplaced,
	}
	if !a.live {
		e.File, e.Line = a.pod.Document.File, a.pod.Line
	}
	e.Instances = explainInstances(a, &before)
	if a.pod.Kind == "Pod" && before.live() {
		e.explainLive(a, &before, &after)
	} else {
		e.Containers = explainContainers(e.Instances, &before, &after)
		if e.Outcome != inject.Refused {
			e.Ready, e.Observed = readyFigure(e.Containers, &after)
		}
		e.PodGets = podGets(a.result.Operations)
	}
	if len(a.doubts) > 0 {
		e.becomeUnknown(a)
		return e, nil
	}
	e.Rules = podRules(a)
	for i := range e.Instances {
		e.Instances[i].Rules = instanceRules(a, &e.Instances[i])
	}
	e.Remedies = remedies(a)
	if e.outlived() {
		e.Remedies = append(e.Remedies, recreation(a, &before, len(e.Remedies) > 0))
	}
	return e, nil
}

// explainInstances are those of the decision, and then those that an earlier
// injection left in the pod though nobody asks for them now.
func explainInstances(a *answer, pod *podFields) []explainedInstance {
	status, _ := inject.ReadStatus(pod.Metadata.Annotations) // an unreadable one is among the warnings
	var all []explainedInstance
	for _, in := range a.result.Instances {
		e := explainedInstance{
			Name: in.Name, Template: in.TemplateName, Outcome: in.Outcome, Reason: in.Reason, Detail: in.Detail,
			Targets: in.Targets, Volumes: in.Volumes, Notes: in.Notes, Needs: in.Permissions, Outdated: in.Outdated,
		}
		for _, c := range in.Containers {
			e.Containers = append(e.Containers, c.Name)
		}
		if t := in.Template; t != nil {
			e.Kind, e.Revision, e.Origin, e.Description = t.Kind, t.Revision, originText(t), t.Spec.Description
		}
		if entry, ok := status[in.Name]; ok && in.Outcome == inject.Unchanged {
			e.Revision = entry.Revision
		}
		e.AskedBy, e.AskedAt, e.AskedByPod = asker(a, in)
		for _, p := range boundParameters(a, in) {
			setting := explainedSetting{Name: p.Name, Value: p.Text, Origin: p.Origin}
			if p.Origin == inject.OriginAnnotation {
				setting.At = a.place(annotationField(in.Name + "." + inject.Domain + "/" + p.Name))
			}
			e.Parameters = append(e.Parameters, setting)
		}
		all = append(all, e)
	}
	return append(all, leftovers(all, status, pod)...)
}

// boundParameters are an instance's parameters; those of one that is there already were
// not bound for the decision, so that it is done here.
func boundParameters(a *answer, in inject.Instance) []inject.Parameter {
	if in.Template == nil || in.Outcome != inject.Unchanged || len(in.Parameters) > 0 {
		return in.Parameters
	}
	origins := map[string]string{}
	values, _ := in.Template.Bind(func(name string) (string, bool) {
		key := in.Name + "." + inject.Domain + "/" + name
		if text, ok := podAnnotation(a, key); ok {
			origins[name] = inject.OriginAnnotation
			return text, true
		}
		text, ok := a.namespace.Annotations[key]
		if ok {
			origins[name] = inject.OriginNamespace
		}
		return text, ok
	})
	var bound []inject.Parameter
	for _, name := range in.Template.ParameterNames() {
		bound = append(bound, inject.Parameter{Name: name, Text: values.Text(name), Origin: cmp.Or(origins[name], inject.OriginDefault)})
	}
	return bound
}

// leftovers are the entries of the status that are in the pod and that no instance stands for.
func leftovers(known []explainedInstance, status inject.Status, pod *podFields) []explainedInstance {
	names := make([]string, 0, len(status))
	for name := range status {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []explainedInstance
	for _, name := range names {
		entry := status[name]
		containers := slices.Concat(entry.Sidecars, entry.InitContainers, entry.Containers)
		here := !slices.ContainsFunc(containers, func(c string) bool { return !pod.has(c) })
		same := func(e explainedInstance) bool { return e.Name == name }
		if !here || slices.ContainsFunc(known, same) {
			continue
		}
		kind, template, _ := strings.Cut(entry.Template, "/")
		all = append(all, explainedInstance{
			Name: name, Template: template, Kind: kind, Revision: entry.Revision,
			Outcome: inject.Unchanged, Reason: inject.AlreadyInjected, Containers: containers, Volumes: entry.Volumes,
			Detail: inject.StatusAnnotation + " lists it, and all that it lists is there; nothing asks for it now",
		})
	}
	return all
}

func (p *podFields) has(container string) bool {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if c.Name == container {
			return true
		}
	}
	return false
}

func originText(t *templates.Template) string {
	if t.Origin.Source == templates.SourceDirectory {
		return fmt.Sprintf("%s:%d", t.Origin.File, t.Origin.Line)
	}
	return t.Origin.Source
}

func annotationField(key string) string { return fmt.Sprintf("metadata.annotations[%q]", key) }

// asker is the line that asked for an instance, its place, and whether that is in the pod.
func asker(a *answer, in inject.Instance) (line, place string, inPod bool) {
	if text, ok := podAnnotation(a, inject.RequestAnnotation); ok && asks(text, in) {
		return inject.RequestAnnotation + ": " + cutText(text), a.place(annotationField(inject.RequestAnnotation)), true
	}
	if text, ok := a.namespace.Annotations[inject.RequestAnnotation]; ok && asks(text, in) {
		return inject.RequestAnnotation + ": " + cutText(text), "namespace " + a.namespace.Name, false
	}
	if in.Template != nil && in.Template.Spec.Match != nil {
		return "spec.match of the template selects the pod", originText(in.Template), false
	}
	return "", "", false
}

// asks says whether a request names the instance.
func asks(text string, in inject.Instance) bool {
	for _, part := range strings.Split(text, ",") {
		instance, _, _ := strings.Cut(part, "=")
		if strings.TrimSpace(instance) == in.Name {
			return true
		}
	}
	return false
}

func podAnnotation(a *answer, key string) (string, bool) {
	_, value := member(at(a.pod.Document.Root, a.pod.Pointer+"/metadata/annotations"), key)
	if value == nil {
		return "", false
	}
	return value.Value, true
}
