package explain

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Rule is one test of the decision and how it went.
type Rule struct {
	Reason inject.Reason `json:"reason"`
	Passed bool          `json:"passed"`
	Text   string        `json:"text"`
}

// explainRules are rules of the decision as it tells them, but that it does not know
// where its namespace came from.
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

// keptOut says that something is wrong with the instance itself.
func (in *Instance) keptOut() bool {
	return in.Outcome != inject.Injected && in.Outcome != inject.Unchanged && !in.asideOnly()
}

// asideOnly says that nothing is wrong with the instance itself: the pod is refused for
// another one.
func (in *Instance) asideOnly() bool {
	return in.Outcome == inject.Refused && in.Reason == in.askedBy
}

// failed are the rules that were not passed.
func failed(rules []Rule) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Passed })
}
