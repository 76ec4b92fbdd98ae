//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"sync"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scopeLabel is set on every namespace that tests create, with the scope of its test as value. Webhook
// configurations of a test select namespaces of its scope only, so that tests can run in parallel without
// affecting each other's counts.
const scopeLabel = "controlplane.test/scope"

// sharedScope is the scope of namespaces with fixed names, which exist once. Tests that install something for
// them do not run in parallel.
const sharedScope = "shared"

// scopes holds the names of the subtests that have a scope of their own.
type scopes struct{ known sync.Map }

// apart gives a subtest, and those below it, a scope of its own, so that it can run in parallel with its
// siblings.
func apart(t *testing.T) {
	t.Helper()
	suite.scopes.known.Store(t.Name(), true)
}

// scopeOf returns the scope of a test: that of the nearest enclosing subtest that has one, else that of the
// whole test.
func scopeOf(t *testing.T) string {
	t.Helper()
	name := t.Name()
	for {
		above := strings.LastIndexByte(name, '/')
		if _, found := suite.scopes.known.Load(name); found || above < 0 {
			break
		}
		name = name[:above]
	}
	sum := fnv.New64a()
	sum.Write([]byte(name))
	return fmt.Sprintf("%016x", sum.Sum64())
}

// confine restricts a configuration to the namespaces of these scopes, and gives it a name of its own.
func confine(configuration *admissionregistration.MutatingWebhookConfiguration, scopes ...string) {
	configuration.Name += "-" + scopes[0]
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].NamespaceSelector = selecting(configuration.Webhooks[i].NamespaceSelector, scopes...)
	}
}

// selecting returns a copy of a namespace selector that also requires one of the scopes.
func selecting(given *metav1.LabelSelector, scopes ...string) *metav1.LabelSelector {
	selector := &metav1.LabelSelector{}
	if given != nil {
		selector = given.DeepCopy()
	}
	selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
		Key: scopeLabel, Operator: metav1.LabelSelectorOpIn, Values: scopes,
	})
	return selector
}

// withScope returns a namespace's labels with the scope's label added.
func withScope(labels map[string]string, scope string) map[string]string {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	all[scopeLabel] = scope
	return all
}

// shareNamespaces puts the namespaces of a new cluster into the shared scope.
func (p *plane) shareNamespaces(ctx context.Context) error {
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		err := eventually(ctx, patience, func(ctx context.Context) error {
			patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, scopeLabel, sharedScope)
			_, err := p.client.CoreV1().Namespaces().Patch(ctx, name, "application/merge-patch+json", patch, metav1.PatchOptions{})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
