package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Missing describes the sidecars that an existing pod should have and lacks. A pod gets its sidecars only
// when it is created.
type Missing struct {
	// Instances are the names of the missing instances, in the order of the explanation.
	Instances []string `json:"instances"`
	// Causes are the possible reasons; the pod does not show which of them applies.
	Causes []string `json:"causes"`
	// Ready, Containers and PodGets describe a pod that is created now; empty if it would be refused.
	Ready      string      `json:"ready,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	PodGets    []string    `json:"podGets,omitempty"`
}

// live reports whether the pod exists in a cluster: only then it has a UID or a status.
func (p *podFields) live() bool {
	return p.Metadata.UID != "" || p.Status.Phase != "" || len(p.Status.ContainerStatuses) > 0
}

// explainLive describes the containers as they are in the cluster, and separately what a new pod would get.
func (e *Explanation) explainLive(a *offline.Answer, before, after *podFields) {
	e.Live = true
	there := slices.DeleteFunc(slices.Clone(e.Instances), func(in Instance) bool { return in.Outcome != inject.Unchanged })
	e.Containers = explainContainers(there, before, before)
	e.Ready, e.Observed = readyFigure(e.Containers, before)
	m := &Missing{}
	for i := range e.Instances {
		in := &e.Instances[i]
		if in.Outcome == inject.Injected || in.Outcome == inject.Refused {
			in.Missing = true
			m.Instances = append(m.Instances, in.Name)
		}
	}
	if len(m.Instances) == 0 {
		return
	}
	m.Causes = causes(len(there) > 0)
	if e.Outcome != inject.Refused {
		created := *after
		created.Status = podStatus{}
		m.Containers = explainContainers(e.Instances, before, &created)
		m.Ready, _ = readyFigure(m.Containers, &created)
		m.PodGets = podGets(a.Result.Operations)
	}
	e.Missing = m
}

// causes returns why a pod can lack what it should have; partly is true if it has other sidecars, so the
// injector has seen it.
func causes(partly bool) []string {
	if partly {
		return []string{
			"the annotation, or the template, came after the pod was created",
			"the template or a parameter had a fault then, which the template's failurePolicy ignores",
		}
	}
	return []string{
		"the injector was not installed, or was down and its webhook's failurePolicy let the pod pass",
		fmt.Sprintf("the label %s, the annotation, or the template came after the pod was created", inject.InjectionLabel),
	}
}

// owner is the controller of a pod, as kubectl names it.
type owner struct{ kind, name string }

// owner returns the object that recreates the pod when it is deleted: the controller or, for a ReplicaSet
// whose name ends in the pod's template hash, its Deployment. A kind that only has the name of one of
// Kubernetes itself is qualified by its group. ok is false if there is no controller.
func (p *podFields) owner() (owner, bool) {
	n := slices.IndexFunc(p.Metadata.OwnerReferences, func(r ownerReference) bool { return r.Controller })
	if n < 0 {
		return owner{}, false
	}
	reference := p.Metadata.OwnerReferences[n]
	if group, _, found := strings.Cut(reference.APIVersion, "/"); found && group != "apps" && terminal.Restarts(reference.Kind) {
		return owner{reference.Kind + "." + group, reference.Name}, true
	}
	if hash := p.Metadata.Labels["pod-template-hash"]; reference.Kind == "ReplicaSet" && hash != "" {
		if name, found := strings.CutSuffix(reference.Name, "-"+hash); found {
			return owner{"Deployment", name}, true
		}
	}
	return owner{reference.Kind, reference.Name}, true
}

// recreation returns how to have a pod recreated; others is true if other remedies have to be applied
// first.
func recreation(a *offline.Answer, pod *podFields, others bool) Remedy {
	first := ""
	if others {
		first = "then "
	}
	remove := fmt.Sprintf("kubectl delete pod %s -n %s", terminal.ShellWord(a.Name), terminal.ShellWord(a.Namespace.Name))
	o, owned := pod.owner()
	switch {
	case !owned:
		return Remedy{
			Text:    first + "delete the pod, and create it again from its manifest, for no controller does:",
			Command: remove,
		}
	case terminal.Restarts(o.kind) && terminal.Plain(o.name):
		return Remedy{
			Text:    fmt.Sprintf("%screate the pods of %s %s anew (its pod template has to have the pod's annotations):", first, o.kind, o.name),
			Command: terminal.RestartCommand(o.kind, o.name, a.Namespace.Name),
		}
	}
	return Remedy{
		Text:    fmt.Sprintf("%sdelete the pod; %s %s creates another (its pod template has to have the pod's annotations):", first, terminal.Shown(o.kind), terminal.Shown(o.name)),
		Command: remove,
	}
}

// outlived reports whether a new pod would be decided on differently than the existing one was, now or
// after its namespace is enabled.
func (e *Explanation) outlived() bool {
	switch e.Reason {
	case inject.NamespaceDisabled, inject.NotEnabled:
		return e.Live
	}
	return e.Missing != nil
}

// absence returns the sentence that a live pod lacks something; "" if it does not.
func (w *writer) absence() string {
	m := w.e.Missing
	if m == nil {
		return ""
	}
	which := "asks for"
	for i := range w.e.Instances {
		if in := &w.e.Instances[i]; in.Missing && !in.AskedByPod {
			which = "should have"
		}
	}
	text := fmt.Sprintf(" The pod exists without %s, which it %s.", w.Bold(strings.Join(m.Instances, ", ")), which)
	if w.e.Outcome == inject.Refused {
		text += fmt.Sprintf(" Created today, it would be %s (%s).", w.Red("refused"), w.e.Reason)
	}
	return text
}

// missing writes why sidecars may be missing, and what a new pod would have.
func (w *writer) missing() {
	m := w.e.Missing
	if m == nil {
		return
	}
	w.line("")
	w.line("A pod gets its sidecars when it is created, never later. This one was created without %s. That can be because", strings.Join(m.Instances, ", "))
	for _, cause := range m.Causes {
		w.line("  - %s", cause)
	}
	if m.Ready != "" {
		w.line("")
		w.line("Created today, the pod would have %s:", w.Bold("READY "+m.Ready))
		w.table(m.Containers)
	}
}
