package main

import (
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

// explainRules are rules of the decision as it tells them, but that it does not know
// where its namespace came from.
func explainRules(a *answer, rules []inject.Rule) []explainedRule {
	told := make([]explainedRule, len(rules))
	for i, r := range rules {
		if r.Reason == inject.NotEnabled && r.Passed && a.assumed {
			r.Text = "namespace " + templates.Quote(a.namespace.Name) + " is not among the manifests, so it counts as enabled"
			if a.live {
				r.Text = "namespace " + templates.Quote(a.namespace.Name) + " cannot be read, so it counts as enabled"
			}
		}
		told[i] = explainedRule(r)
	}
	return told
}

// keptOut says that something is wrong with the instance itself.
func (in *explainedInstance) keptOut() bool {
	return in.Outcome != inject.Injected && in.Outcome != inject.Unchanged && !in.asideOnly()
}

// asideOnly says that nothing is wrong with the instance itself: the pod is refused for
// another one.
func (in *explainedInstance) asideOnly() bool {
	return in.Outcome == inject.Refused && in.Reason == in.askedBy
}

// failed are the rules that were not passed.
func failed(rules []explainedRule) []explainedRule {
	return slices.DeleteFunc(slices.Clone(rules), func(r explainedRule) bool { return r.Passed })
}
