package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Trace records how the decision on the pod as a whole was made. While deciding only small constants are
// stored; Rules and InstanceRules make sentences from them, so an admission does not pay for those.
type Trace struct {
	// LabelOn is the object whose injection label was decisive: the one that enables the pod if it may be
	// injected, else the one that prevents it; "" if neither has one.
	LabelOn Holder
	// Asking is the request annotation in force. It is the zero value for a pod that may not be injected,
	// whose request is not read.
	Asking Asking

	namespace string
	passed    passes
	stopped   rule // the rule that ended the decision on the pod; 0 if none did
}

// Holder is the object that has a label or annotation.
type Holder string

// The holders.
const (
	OnPod       Holder = "pod"
	OnNamespace Holder = "namespace"
)

// Asking is the request annotation in force: the pod's if it has one, even an empty one, else its
// namespace's.
type Asking struct {
	// By is Annotation or NamespaceAnnotation; "" if neither the pod nor its namespace has one.
	By Reason
	// Text is the annotation's value, unchanged.
	Text string
	// Hidden is the value of the namespace's annotation if the pod's own overrides it.
	Hidden string
}

// Declines reports whether the pod's own annotation is empty: it requests nothing and overrides its
// namespace's annotation.
func (a Asking) Declines() bool { return a.By == Annotation && strings.TrimSpace(a.Text) == "" }

// nothing returns the sentence about a pod for which nothing is requested.
func (a Asking) nothing() string {
	switch {
	case a.Declines() && strings.TrimSpace(a.Hidden) != "":
		return "the pod's annotation " + RequestAnnotation + " is empty, which declines what its namespace asks for, and no template matches"
	case a.Declines():
		return "the pod's annotation " + RequestAnnotation + " is empty, which asks for nothing, and no template matches"
	case a.By == NamespaceAnnotation:
		return "the annotation " + RequestAnnotation + " of the namespace is empty, which asks for nothing, and no template matches"
	}
	return "no annotation asks for a sidecar, and no template matches"
}

// Rule is one test of the decision and its result.
type Rule struct {
	// Reason is the reason of a decision that the test ends.
	Reason Reason
	// Passed is false for the test that ended the decision.
	Passed bool
	// Text says what the test found, in a sentence about this pod.
	Text string
}

// rule identifies a test in one byte. The order of the constants has no meaning; tests are listed in the
// order in which they were passed.
type rule uint8

const (
	notMirror rule = iota + 1
	notSystem
	namespaceNotDisabled
	podNotDisabled
	labelKnown
	isEnabled
	isRequested

	nameFree
	notThere
	templateKnown
	templateLoads
	notWindows
	notHostNetwork
	parametersFit
	targetsThere
	overrideRead
	demandsMet
	templateRenders
	namesValid
	podCompletes
	planFits
)

// passes are the rules that were passed, in order. The array is embedded, so that recording does not
// allocate.
type passes struct {
	list [16]rule
	n    uint8
}

func (p *passes) add(r rule) {
	if int(p.n) < len(p.list) {
		p.list[p.n] = r
		p.n++
	}
}

func (p *passes) has(r rule) bool { return slices.Contains(p.list[:p.n], r) }

// pass records that the instance passed a rule, if ok is true.
func (c *candidate) pass(r rule, ok bool) {
	if ok {
		c.instance.passed.add(r)
	}
}

// ruleTexts has, for each rule, the reason of a decision that it ends, and what it found when it was passed: see
// Trace.found for those with a namespace in the text.
var ruleTexts = [...]struct {
	reason Reason
	found  string
}{
	notMirror:            {MirrorPod, "the pod is not a static pod's mirror"},
	notSystem:            {SystemNamespace, "namespace %s is neither the cluster's nor the injector's own"},
	namespaceNotDisabled: {NamespaceDisabled, "namespace %s does not say " + InjectionLabel + ": " + labelDisabled},
	podNotDisabled:       {PodDisabled, "the pod does not say " + InjectionLabel + ": " + labelDisabled},
	labelKnown:           {UnknownLabelValue, "the label has no unknown value"},
	isEnabled:            {NotEnabled, "namespace %s is enabled"},
	isRequested:          {NothingRequested, "a sidecar is asked for"},
	nameFree:             {Conflict, "the pod asks for no other sidecar under its name"},
	notThere:             {AlreadyInjected, "the sidecar is not there yet"},
	templateKnown:        {UnknownTemplate, "the template exists"},
	templateLoads:        {TemplateInvalid, "the template has no fault"},
	notWindows:           {WindowsPod, "the pod runs on Linux, or the template supports Windows"},
	notHostNetwork:       {HostNetwork, "the pod has a network of its own, or the template supports the node's"},
	parametersFit:        {BadParameter, "its parameters are known and complete, and have their types"},
	targetsThere:         {NoTarget, "the containers that it works for are there"},
	overrideRead:         {BadOverride, "its override, if it has one, can be read"},
	demandsMet:           {ValidationFailed, "what the template demands of the pod is there"},
	templateRenders:      {TemplateInvalid, "the template can be rendered for the pod"},
	namesValid:           {BadRequest, "the names that it makes are valid"},
	podCompletes:         {NeverCompletes, "the pod may run for ever, or the sidecar ends with it"},
	planFits:             {Conflict, "nothing of the pod's or of another sidecar's is in its way"},
}

// found returns what the test found when it was passed.
func (t *Trace) found(r rule) string {
	switch {
	case r == isEnabled && t.LabelOn == OnPod:
		return "the pod is enabled by its own label"
	case r == isRequested && strings.TrimSpace(t.Asking.Text) == "":
		return "no annotation asks for a sidecar, but a template matches"
	case r == notSystem, r == namespaceNotDisabled, r == isEnabled:
		return fmt.Sprintf(ruleTexts[r].found, message.Quote(t.namespace))
	}
	return ruleTexts[r].found
}

func (t *Trace) rules(p *passes) []Rule {
	rules := make([]Rule, 0, len(p.list)+1)
	for _, r := range p.list[:p.n] {
		rules = append(rules, Rule{Reason: ruleTexts[r].reason, Passed: true, Text: t.found(r)})
	}
	return rules
}

// Rules returns the tests of the pod as a whole, rows 1 to 6 of the decision table, in the order in which
// they were applied, and the faults of the request as a whole. The test that ended the decision, if any,
// comes after those that were passed.
func (r *Result) Rules() []Rule {
	rules := r.Trace.rules(&r.Trace.passed)
	switch r.Trace.stopped {
	case 0:
	case isRequested: // the pod's own reason is another one if something in it was repaired
		rules = append(rules, Rule{Reason: NothingRequested, Text: r.Trace.Asking.nothing()})
	default:
		rules = append(rules, Rule{Reason: r.Reason, Text: r.Detail})
	}
	return append(rules, r.faultRules(noInstance)...)
}

// InstanceRules returns the tests of Instances[i], rows 7 to 11 of the decision table, in the order in
// which they were applied. For an accepted instance the last one says what requested it; otherwise the last
// ones say what prevents it, one for each fault.
func (r *Result) InstanceRules(i int) []Rule {
	in := &r.Instances[i]
	rules := r.Trace.rules(&in.passed)
	switch {
	case in.passed.has(planFits):
		rules = append(rules, Rule{Reason: in.AskedBy, Passed: true, Text: askedText(in.AskedBy, r.Trace.namespace)})
	case in.Outcome == Skipped, in.Outcome == Unchanged:
		rules = append(rules, Rule{Reason: in.Reason, Text: in.Detail})
	}
	return append(rules, r.faultRules(i)...)
}

// faultRules returns the faults of one instance, or those of the request itself.
func (r *Result) faultRules(instance int) []Rule {
	var rules []Rule
	for _, f := range r.Faults {
		if f.Index == instance {
			rules = append(rules, Rule{Reason: f.Reason, Text: f.String()})
		}
	}
	return rules
}

// askedText returns a sentence that says what requested an instance.
func askedText(by Reason, namespace string) string {
	switch by {
	case Annotation:
		return "the pod's annotation " + RequestAnnotation + " asks for it"
	case NamespaceAnnotation:
		return "the annotation " + RequestAnnotation + " of namespace " + namespace + " asks for it"
	}
	return "the template's match selects the pod"
}

// Needy reports whether the instance is in the pod and needs permissions; they are known only if the
// Request asked for them.
func (in *Instance) Needy() bool {
	return len(in.Permissions) > 0 && (in.Outcome == Injected || in.Outcome == Unchanged)
}

// Revision returns the revision of the template that the sidecar was made from, or would be: that of the
// status if it is already in the pod, else today's; "" without a template.
func (in *Instance) Revision() string {
	switch {
	case in.Entry != nil:
		return in.Entry.Revision
	case in.Template != nil:
		return in.Template.Revision
	}
	return ""
}
