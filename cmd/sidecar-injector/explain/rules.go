package explain

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Rule is one test of the decision and its result.
type Rule struct {
	Reason inject.Reason `json:"reason"`
	Passed bool          `json:"passed"`
	Text   string        `json:"text"`
}

// explainRules converts the rules of a decision. If the namespace was assumed to be enabled, the rule about
// that says so, which the decision does not know.
func explainRules(a *offline.Answer, rules []inject.Rule) []Rule {
	told := make([]Rule, len(rules))
	for i, r := range rules {
		if r.Reason == inject.NotEnabled && r.Passed && a.Assumed {
			r.Text = "namespace " + message.Quote(a.Namespace.Name) + " is not among the manifests, so it counts as enabled"
			if a.Live {
				r.Text = "namespace " + message.Quote(a.Namespace.Name) + " cannot be read, so it counts as enabled"
			}
		}
		told[i] = Rule(r)
	}
	return told
}

// keptOut reports whether the instance was left out because of itself.
func (in *Instance) keptOut() bool {
	return in.Outcome != inject.Injected && in.Outcome != inject.Unchanged && !in.asideOnly()
}

// asideOnly reports whether the instance was left out only because the pod is refused for another one.
func (in *Instance) asideOnly() bool {
	return in.Outcome == inject.Refused && in.Reason == in.askedBy
}

// failed returns the rules that were not passed.
func failed(rules []Rule) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Passed })
}
