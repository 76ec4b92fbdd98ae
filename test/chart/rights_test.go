package chart

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rule begins a rule of a role as rbac.yaml writes it.
var rule = regexp.MustCompile(`(?m)((?:^(?:# |\{\{).*\n)*)^- apiGroups: .*\n  resources: (.*)\n(?:  resourceNames: .*\n)?  verbs: (.*)$`)

var verb = regexp.MustCompile(`\b(get|list|watch|create|update|patch|delete|deletecollection)\b`)

func TestEveryVerbHasItsReasonBesideIt(t *testing.T) {
	text := readChart(t)["templates/rbac.yaml"]
	rules := rule.FindAllStringSubmatch(text, -1)
	if len(rules) != strings.Count(text, "verbs:") {
		t.Fatalf("%d rules, but %d lists of verbs", len(rules), strings.Count(text, "verbs:"))
	}
	for _, m := range rules {
		for _, verb := range verb.FindAllString(m[3], -1) {
			if !regexp.MustCompile(`\b` + verb + `\b`).MatchString(m[1]) {
				t.Errorf("%s: no reason for %s in the comment %q", m[2], verb, m[1])
			}
		}
	}
	for _, file := range valueFiles(t) {
		r := render(t, "--values", filepath.Join(directory, file))
		for _, role := range all[*rbacv1.ClusterRole](r) {
			for _, rule := range role.Rules {
				if slices.Contains(append(append(rule.Verbs, rule.APIGroups...), rule.Resources...), "*") {
					t.Errorf("ClusterRole %s: %+v", role.Name, rule)
				}
				if slices.Contains(rule.Resources, "secrets") {
					t.Errorf("ClusterRole %s: Secrets of all namespaces", role.Name)
				}
			}
		}
	}
}
