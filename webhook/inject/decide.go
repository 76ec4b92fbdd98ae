package inject

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// SystemNamespaces returns the cluster's own namespaces, whose pods are never injected: the cluster has to be
// able to start without the injector.
func SystemNamespaces() []string { return []string{"kube-system", "kube-public", "kube-node-lease"} }

// systemNamespace reports whether the namespace is the cluster's or the injector's own.
func systemNamespace(name string, settings *Settings) bool {
	return slices.Contains(SystemNamespaces(), name) || name != "" && name == settings.OwnNamespace
}

// allowed applies rows 1 to 5 of the decision table to the pod as a whole and records them in t. It returns
// "" if the pod may be injected, otherwise the reason and a sentence about this pod.
func allowed(p *podView, ns *Namespace, settings *Settings, t *Trace) (Reason, string) {
	t.namespace = ns.Name
	no := func(r rule, on Holder, detail string) (Reason, string) {
		t.stopped, t.LabelOn = r, on
		return ruleTexts[r].reason, detail
	}
	if _, mirror := p.metadata.Annotations[mirrorAnnotation]; mirror {
		return no(notMirror, "", "the pod mirrors a static pod")
	}
	t.passed.add(notMirror)
	if systemNamespace(ns.Name, settings) {
		return no(notSystem, "", fmt.Sprintf("namespace %s is the cluster's or the injector's own", message.Quote(ns.Name)))
	}
	t.passed.add(notSystem)
	onNamespace, onPod := ns.Labels[InjectionLabel], p.metadata.Labels[InjectionLabel]
	_, namespaceHas := ns.Labels[InjectionLabel]
	_, podHas := p.metadata.Labels[InjectionLabel]
	unknown := func(value string, has bool) bool {
		return has && value != labelEnabled && value != labelDisabled
	}
	if onNamespace == labelDisabled {
		return no(namespaceNotDisabled, OnNamespace, fmt.Sprintf("namespace %s has the label %s: %s", message.Quote(ns.Name), InjectionLabel, labelDisabled))
	}
	t.passed.add(namespaceNotDisabled)
	if onPod == labelDisabled {
		return no(podNotDisabled, OnPod, fmt.Sprintf("the pod has the label %s: %s", InjectionLabel, labelDisabled))
	}
	t.passed.add(podNotDisabled)
	if unknown(onNamespace, namespaceHas) {
		return no(labelKnown, OnNamespace, unknownLabel("namespace "+message.Quote(ns.Name), onNamespace))
	}
	if unknown(onPod, podHas) {
		return no(labelKnown, OnPod, unknownLabel("the pod", onPod))
	}
	t.passed.add(labelKnown)
	switch labelEnabled {
	case onNamespace:
		t.LabelOn = OnNamespace
	case onPod:
		t.LabelOn = OnPod
	default:
		return no(isEnabled, "", fmt.Sprintf("neither namespace %s nor the pod has the label %s: %s", message.Quote(ns.Name), InjectionLabel, labelEnabled))
	}
	t.passed.add(isEnabled)
	return "", ""
}

func unknownLabel(where, value string) string {
	return fmt.Sprintf("%s has the label %s: %s, which is neither %s nor %s", where, InjectionLabel, message.Quote(value), labelEnabled, labelDisabled)
}

// labelMeant returns the label value that was probably meant; "" if none is near.
func labelMeant(value string) string {
	switch strings.ToLower(value) {
	case "true", "yes", "on", "y", "1", "enable":
		return labelEnabled
	case "false", "no", "off", "n", "0", "disable":
		return labelDisabled
	}
	return nearest(value, []string{labelEnabled, labelDisabled})
}

// mistaken returns a warning for a pod that gets nothing although a label or annotation suggests that a
// sidecar was wanted; "" if none does.
func mistaken(p *podView, ns *Namespace, reason Reason, detail string) string {
	_, asks := p.metadata.Annotations[RequestAnnotation]
	switch {
	case reason == UnknownLabelValue:
		text := detail + ": nothing is injected"
		value, onPod := p.metadata.Labels[InjectionLabel]
		if !onPod || value == labelEnabled || value == labelDisabled {
			value = ns.Labels[InjectionLabel]
		}
		if word := labelMeant(value); word != "" {
			text += fmt.Sprintf("; write %s: %s", InjectionLabel, word)
		}
		return text
	case reason == NotEnabled && asks:
		return fmt.Sprintf("%s is ignored: %s%s", RequestAnnotation, detail, misnamed(ns))
	case reason == NothingRequested && !asks && p.metadata.Labels[InjectionLabel] == labelEnabled:
		return fmt.Sprintf("the pod has the label %s: %s, but asks for nothing: add the annotation %s: TEMPLATE", InjectionLabel, labelEnabled, RequestAnnotation)
	}
	return ""
}

// misnamed says how a namespace without the label tries to have it; "" if it does not.
func misnamed(ns *Namespace) string {
	if _, annotated := ns.Annotations[InjectionLabel]; annotated {
		return "; the namespace has it as an annotation: make it a label"
	}
	for _, key := range slices.Sorted(maps.Keys(ns.Labels)) {
		name, ours := strings.CutPrefix(key, Domain+"/")
		if ours && key != InjectionLabel && message.Nearest(name, []string{"injection"}) != "" {
			return fmt.Sprintf("; the namespace has the label %s: write %s", message.Printable(key), InjectionLabel)
		}
	}
	return ""
}

// overall returns the pod's outcome: the worst of its instances' if there are faults, else the best.
func overall(r *Result) (Outcome, Reason) {
	for _, want := range []Outcome{Refused, AdmittedWithout} {
		for _, f := range r.Faults {
			if f.Ignored == (want == AdmittedWithout) {
				return want, f.Reason
			}
		}
	}
	for _, want := range []Outcome{Injected, Unchanged, Skipped} {
		i := slices.IndexFunc(r.Instances, func(in Instance) bool { return in.Outcome == want })
		if i >= 0 {
			return want, r.Instances[i].Reason
		}
	}
	if len(r.Operations) > 0 { // a repair alone
		return Unchanged, AlreadyInjected
	}
	return Skipped, NothingRequested
}

// nameless returns a fault for each container without a name. The API server rejects such a pod, but only
// after admission, when templates have already been applied to it.
func (p *podView) nameless() []Fault {
	var faults []Fault
	for _, list := range []struct {
		field      string
		containers []containerView
	}{{"initContainers", p.spec.InitContainers}, {"containers", p.spec.Containers}} {
		for i := range list.containers {
			if list.containers[i].Name == "" && len(faults) < maxUnknown {
				faults = append(faults, Fault{Reason: BadRequest, Place: fmt.Sprintf("spec.%s[%d].name", list.field, i),
					Message: "it is required: the container has no name", Fix: "name the container"})
			}
		}
	}
	return faults
}
