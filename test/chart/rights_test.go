package chart

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rule matches a rule of a role in rbac.yaml with the comments above it.
var rule = regexp.MustCompile(`(?m)((?:^(?:# |\{\{).*\n)*)^- apiGroups: .*\n  resources: (.*)\n(?:  resourceNames: .*\n)?  verbs: (.*)$`)

var verb = regexp.MustCompile(`\b(get|list|watch|create|update|patch|delete|deletecollection)\b`)

func TestEveryVerbHasItsReasonBesideIt(t *testing.T) {
	text := readChart(t)["templates/rbac.yaml"] + readChart(t)["templates/keeper.yaml"]
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

// TestTheKeeperListsNodesWhereKubeletsDiffer: kubelets are up to three minor versions older than their API
// server; those of 1.32 change images in place, and those of 1.33 cpu and memory.
func TestTheKeeperListsNodesWhereKubeletsDiffer(t *testing.T) {
	for version, want := range map[string]bool{"1.29.14": false, "1.31.9": false, "1.32.0-gke.100": true, "v1.33.1-eks-123": true, "1.35.4": true, "1.36.0-alpha.1": false, "1.37.0": false} {
		r, lists := render(t, "--set", "keeper.enabled=true", "--kube-version", version), false
		for _, role := range all[*rbacv1.ClusterRole](r) {
			for _, rule := range role.Rules {
				lists = lists || role.Name == release+"-keeper" && slices.Contains(rule.Resources, "nodes") && slices.Equal(rule.Verbs, []string{"list"})
			}
		}
		if lists != want {
			t.Errorf("%s: lists nodes %v, want %v", version, lists, want)
		}
	}
}

// The command check warns of what it may not read, so helm test would warn in every cluster. The Secret is
// left out on purpose: check does not need the right to read a private key.
func TestHelmTestMaySeeWhatCheckLooksAt(t *testing.T) {
	r := render(t)
	var cluster, own []rbacv1.PolicyRule
	for _, role := range all[*rbacv1.ClusterRole](r) {
		if role.Name == release+"-test" {
			cluster = role.Rules
		}
	}
	for _, role := range all[*rbacv1.Role](r) {
		if role.Name == release+"-test" && role.Namespace == namespace {
			own = role.Rules
		}
	}
	may := func(rules []rbacv1.PolicyRule, group, resource, name, verb string) bool {
		return slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Contains(rule.APIGroups, group) && slices.Contains(rule.Resources, resource) && slices.Contains(rule.Verbs, verb) &&
				(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, name))
		})
	}
	for _, want := range []struct {
		rules                       []rbacv1.PolicyRule
		group, resource, name, verb string
	}{
		{cluster, "", "nodes", "", "list"},
		{cluster, "", "namespaces", "", "list"},
		{cluster, "", "pods", "", "list"},
		{cluster, "", "pods", "", "create"},
		{cluster, "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "list"},
		{cluster, "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "list"},
		{cluster, "apiextensions.k8s.io", "customresourcedefinitions", "clustersidecartemplates.sidecar-injector.dev", "get"},
		{cluster, "apiextensions.k8s.io", "customresourcedefinitions", "sidecartemplates.sidecar-injector.dev", "get"},
		{cluster, "sidecar-injector.dev", "clustersidecartemplates", "", "list"},
		{cluster, "sidecar-injector.dev", "sidecartemplates", "", "list"},
		{own, "", "services", release, "get"},
		{own, "", "configmaps", release, "get"},
		{own, "apps", "deployments", release, "get"},
		{own, "coordination.k8s.io", "leases", release, "get"},
		{own, "discovery.k8s.io", "endpointslices", "", "list"},
	} {
		if !may(want.rules, want.group, want.resource, want.name, want.verb) {
			t.Errorf("helm test may not %s %s %s", want.verb, want.resource, want.name)
		}
	}
	for _, rule := range slices.Concat(cluster, own) {
		if slices.Contains(rule.Resources, "secrets") {
			t.Errorf("helm test may read Secrets: %+v", rule)
		}
	}
}
