package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Missing is what a pod that exists should have and does not have. A pod gets its
// sidecars when it is created, and never later.
type Missing struct {
	// Instances that are not there, in the order of the explanation's.
	Instances []string `json:"instances"`
	// Causes are the ways in which that comes about; the pod does not tell which it was.
	Causes []string `json:"causes"`
	// Ready, Containers and PodGets are those of a pod that is created today; empty if
	// it would be refused.
	Ready      string      `json:"ready,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	PodGets    []string    `json:"podGets,omitempty"`
}

// live says whether a cluster has the pod: only then it has an identity or a state.
func (p *podFields) live() bool {
	return p.Metadata.UID != "" || p.Status.Phase != "" || len(p.Status.ContainerStatuses) > 0
}

// explainLive takes the containers as they are in the cluster, and tells what today's
// decision would give a new pod apart from them.
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

// causes are why a pod can be without what it should have; partly says that it has
// other sidecars, so that the injector did see it.
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

// owner is a controller that makes pods, as kubectl names it.
type owner struct{ kind, name string }

// owner is what makes the pod anew when it is deleted; for a ReplicaSet of a Deployment,
// which names it by the hash, the Deployment. False if there is none.
func (p *podFields) owner() (owner, bool) {
	references := p.Metadata.OwnerReferences
	if len(references) == 0 {
		return owner{}, false
	}
	reference := references[max(0, slices.IndexFunc(references, func(r ownerReference) bool { return r.Controller }))]
	if hash := p.Metadata.Labels["pod-template-hash"]; reference.Kind == "ReplicaSet" && hash != "" {
		if name, found := strings.CutSuffix(reference.Name, "-"+hash); found {
			return owner{"Deployment", name}, true
		}
	}
	return owner{reference.Kind, reference.Name}, true
}

// recreation is how a pod that exists comes to be created once more; others says that
// there are other things to mend before.
func recreation(a *offline.Answer, pod *podFields, others bool) Remedy {
	namespace := terminal.ShellWord(a.Namespace.Name)
	first := ""
	if others {
		first = "then "
	}
	remove := fmt.Sprintf("kubectl delete pod %s -n %s", terminal.ShellWord(a.Name), namespace)
	o, owned := pod.owner()
	switch {
	case !owned:
		return Remedy{
			Text:    first + "delete the pod, and create it again from its manifest, for no controller does:",
			Command: remove,
		}
	case rolls(o.kind) && terminal.Plain(o.name):
		return Remedy{
			Text:    fmt.Sprintf("%screate the pods of %s %s anew (its pod template has to have the pod's annotations):", first, o.kind, o.name),
			Command: fmt.Sprintf("kubectl rollout restart %s %s -n %s", strings.ToLower(o.kind), terminal.ShellWord(o.name), namespace),
		}
	}
	return Remedy{
		Text:    fmt.Sprintf("%sdelete the pod; %s %s creates another (its pod template has to have the pod's annotations):", first, terminal.Shown(o.kind), terminal.Shown(o.name)),
		Command: remove,
	}
}

// outlived says that a new pod would be answered otherwise than the one that exists was,
// or will be once its namespace is mended.
func (e *Explanation) outlived() bool {
	switch e.Reason {
	case inject.NamespaceDisabled, inject.NotEnabled:
		return e.Live
	}
	return e.Missing != nil
}

// absence is the sentence that a live pod is without something.
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

// missing says why, and what a new pod would have.
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
