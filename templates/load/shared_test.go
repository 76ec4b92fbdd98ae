package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// TestATemplateLikeAnotherIsWhatItIsAlone loads pairs of texts that differ only in match, one after the
// other: the cached first one must not change the result of the second.
func TestATemplateLikeAnotherIsWhatItIsAlone(t *testing.T) {
	const text = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: tail}
spec:
  MATCH
  pod:
    spec:
      initContainers: [{name: "${instance}", restartPolicy: Always, image: "example.com/tail:1", resources: {requests: {cpu: 10m, memory: 16Mi}}}]
`
	matches := []string{
		"description: x", // no match
		"match: null",
		"match: {}",
		"match: [podSelector]",
		"match: {podSelector: {}}",
		"match: {podSelector: {matchLabels: {app: web}}}",
		"match: {namespaceSelector: {matchLabels: {team: shop}}}",
		"match: {podSelector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}}",
		"match: {podSelector: {matchExpressions: [{key: app, operator: Within}]}}",
	}
	load := func(l *Loader, match string) templates.Entry {
		return l.Load(templates.SourceDirectory, "tail.yaml", []byte(strings.Replace(text, "MATCH", match, 1)))[0]
	}
	show := func(e templates.Entry) map[string]string {
		shown := map[string]string{"findings": fmt.Sprint(e.Findings)}
		if c := e.Template; c != nil {
			shown["match"] = fmt.Sprintf("%v %v %+v", c.PodSelector, c.NamespaceSelector, c.Spec.Match)
			shown["rest"] = fmt.Sprint(c.Name, c.Origin, c.Revision, c.FailurePolicy, c.Overrides)
		}
		return shown
	}
	for _, first := range matches {
		for _, second := range matches {
			loader := NewLoader()
			before := load(loader, first)
			shownBefore := show(before)
			if diff := cmp.Diff(show(load(NewLoader(), second)), show(load(loader, second))); diff != "" {
				t.Errorf("%s after %s (-alone +after):\n%s", second, first, diff)
			}
			if diff := cmp.Diff(shownBefore, show(before)); diff != "" {
				t.Errorf("%s before and after %s:\n%s", first, second, diff)
			}
		}
	}
}

// TestTemplatesThatDifferInWhatTheyMatchAreHeldOnce checks the sharing on which the memory figures of
// docs/performance.md for thousands of templates depend.
func TestTemplatesThatDifferInWhatTheyMatchAreHeldOnce(t *testing.T) {
	const text = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: %s}
spec:
  match: {podSelector: {matchLabels: {app: %[1]s}}}
  app: {env: [{name: TEAM, value: "${instance}"}]}
`
	loader := NewLoader()
	var loaded []*templates.Template
	for _, name := range []string{"shop", "mail"} {
		entry := loader.Load(templates.SourceDirectory, name+".yaml", fmt.Appendf(nil, text, name))[0]
		if entry.Broken() {
			t.Fatal(entry.Findings)
		}
		loaded = append(loaded, entry.Template)
	}
	if loaded[0].Program() != loaded[1].Program() {
		t.Error("two programs, want one")
	}
	if a, b := loaded[0].PodSelector.String(), loaded[1].PodSelector.String(); a != "app=shop" || b != "app=mail" {
		t.Errorf("the selectors are %s and %s", a, b)
	}
}
