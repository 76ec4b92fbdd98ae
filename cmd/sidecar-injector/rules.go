package main

import (
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explainedRule is one test of the decision and how it went.
type explainedRule struct {
	Reason inject.Reason `json:"reason"`
	Passed bool          `json:"passed"`
	Text   string        `json:"text"`
}

// ruleText is what a test finds when it does not stop the injection.
func ruleText(a *answer, reason inject.Reason) string {
	namespace := "namespace " + templates.Quote(a.namespace.Name)
	switch reason {
	case inject.MirrorPod:
		return "the pod is not a static pod's mirror"
	case inject.SystemNamespace:
		return namespace + " is neither the cluster's nor the injector's own"
	case inject.NamespaceDisabled:
		return fmt.Sprintf("%s does not say %s: disabled", namespace, inject.InjectionLabel)
	case inject.PodDisabled:
		return fmt.Sprintf("the pod does not say %s: disabled", inject.InjectionLabel)
	case inject.UnknownLabelValue:
		return "the label has no unknown value"
	case inject.NotEnabled:
		switch {
		case a.assumed && a.live:
			return namespace + " cannot be read, so it counts as enabled"
		case a.assumed:
			return namespace + " is not among the manifests, so it counts as enabled"
		case a.namespace.Labels[inject.InjectionLabel] != "":
			return namespace + " is enabled"
		}
		return "the pod is enabled by its own label"
	case inject.NothingRequested:
		return "a sidecar is asked for"
	case inject.WindowsPod:
		return "the pod runs on Linux, or the template supports Windows"
	case inject.HostNetwork:
		return "the pod has a network of its own, or the template supports the node's"
	case inject.NeverCompletes:
		return "the pod may run for ever, or the sidecar ends with it"
	case inject.AlreadyInjected:
		return "the sidecar is not there yet"
	}
	return string(reason)
}

// forThePod and forAnInstance are the tests in their order.
func forThePod() []inject.Reason {
	return []inject.Reason{
		inject.MirrorPod, inject.SystemNamespace, inject.NamespaceDisabled, inject.PodDisabled,
		inject.UnknownLabelValue, inject.NotEnabled, inject.NothingRequested,
	}
}

func forAnInstance() []inject.Reason {
	return []inject.Reason{inject.WindowsPod, inject.HostNetwork, inject.AlreadyInjected, inject.NeverCompletes}
}

// podRules are the tests of a pod as a whole up to the one that said no, and what is
// wrong with its request as a whole; nil if nothing is.
func podRules(a *answer) []explainedRule {
	order := forThePod()
	var faults []explainedRule
	for _, f := range a.result.Faults {
		known := slices.ContainsFunc(a.result.Instances, func(in inject.Instance) bool { return in.Name == f.Instance })
		if !known {
			faults = append(faults, explainedRule{Reason: f.Reason, Text: f.String()})
		}
	}
	if len(faults) > 0 {
		return append(passed(a, order), faults...)
	}
	stop := slices.Index(order, a.result.Reason)
	if stop < 0 || len(a.result.Instances) > 0 {
		return nil
	}
	return append(passed(a, order[:stop]), explainedRule{Reason: a.result.Reason, Text: a.result.Detail})
}

// instanceRules are the tests up to the one that kept an instance out; nil if none of
// its own did.
func instanceRules(a *answer, in *explainedInstance) []explainedRule {
	if in.Outcome == inject.Injected || in.Outcome == inject.Unchanged || in.asideOnly() {
		return nil
	}
	rules := passed(a, forThePod())
	order := forAnInstance()
	if stop := slices.Index(order, in.Reason); stop >= 0 {
		rules = append(rules, passed(a, order[:stop])...)
		return append(rules, explainedRule{Reason: in.Reason, Text: in.Detail})
	}
	found := false
	for _, f := range a.result.Faults {
		if f.Instance == in.Name {
			rules = append(rules, explainedRule{Reason: f.Reason, Text: f.String()})
			found = true
		}
	}
	if !found {
		rules = append(rules, explainedRule{Reason: in.Reason, Text: in.Detail})
	}
	return rules
}

// asideOnly says that nothing is wrong with the instance itself: the pod is refused for
// another one.
func (in *explainedInstance) asideOnly() bool {
	switch in.Reason {
	case inject.Annotation, inject.NamespaceAnnotation, inject.TemplateMatch:
		return in.Outcome == inject.Refused
	}
	return false
}

func passed(a *answer, reasons []inject.Reason) []explainedRule {
	rules := make([]explainedRule, 0, len(reasons)+1)
	for _, reason := range reasons {
		rules = append(rules, explainedRule{Reason: reason, Passed: true, Text: ruleText(a, reason)})
	}
	return rules
}
