package main

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// each returns group/resource verb of everything that rules allow, sorted.
func each(rules []rbacv1.PolicyRule) []string {
	var all []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, group+"/"+resource+" "+verb)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestTheRightsThatAreLookedForAreThoseOfTheDocuments: whoever lacks one is given all that lack at once.
func TestTheRightsThatAreLookedForAreThoseOfTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../../docs/fleet.md")
	must(t, err)
	for kind, want := range map[string][]rbacv1.PolicyRule{
		"Role":        changing(false),
		"ClusterRole": append(deciding(), rule("", "get", "configmaps")),
	} {
		begin := "apiVersion: rbac.authorization.k8s.io/v1\nkind: " + kind + "\n"
		_, text, found := strings.Cut(string(page), begin)
		text, _, _ = strings.Cut(begin+text, "```")
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(text), &role); err != nil || !found {
			t.Fatalf("%s: %v, %v", kind, found, err)
		}
		if diff := cmp.Diff(each(role.Rules), each(want)); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	for name, some := range map[string][]rbacv1.PolicyRule{"status": reading(), "repair": changing(true)} {
		for _, one := range each(some) {
			if !slices.Contains(each(changing(false)), one) {
				t.Errorf("%s needs %s, and rollout does not", name, one)
			}
		}
	}
}

func TestAManifestGrantsWhatLacksAndTakesNothing(t *testing.T) {
	rules := []rbacv1.PolicyRule{rule("", "patch", "pods/resize"), rule("", "get list", "pods"), rule("", "patch", "pods", "pods/resize"), rule("apps", "get", "deployments")}
	lacks := lacking(rules, func(a *authorizationv1.ResourceAttributes) bool { return a.Verb == "get" })
	want := []rbacv1.PolicyRule{rule("", "patch", "pods/resize"), rule("", "list", "pods"), rule("", "patch", "pods")}
	if diff := cmp.Diff(want, lacks); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, namespace := range []string{"shop", ""} {
		manifests := grant(namespace, lacks)
		var role rbacv1.ClusterRole
		var binding rbacv1.ClusterRoleBinding
		for i, o := range []any{&role, &binding} {
			must(t, yaml.UnmarshalStrict([]byte(manifests[i]), o))
		}
		if diff := cmp.Diff(want, role.Rules); diff != "" {
			t.Error(diff)
		}
		if binding.RoleRef.Name != role.Name || binding.RoleRef.Kind != role.Kind || binding.Kind != role.Kind+"Binding" || role.Namespace != namespace || binding.Namespace != namespace {
			t.Errorf("%q: %s\n%s", namespace, manifests[0], manifests[1])
		}
		names = append(names, role.Name)
	}
	var other rbacv1.ClusterRole
	if err := yaml.Unmarshal([]byte(grant("shop", want[:1])[0]), &other); err != nil || slices.Contains(names, other.Name) || other.Name == "sidecar-rollout" {
		t.Errorf("other rights are granted by the role %s, %v: that would take those of %v", other.Name, err, names)
	}
}

// TestARefusalThatNoRoleMendsComesWithoutAManifest: the API server refuses what its own review allows.
func TestARefusalThatNoRoleMendsComesWithoutAManifest(t *testing.T) {
	kubeconfig := inFront(t, smallCluster(t, nil, nil), map[string]http.HandlerFunc{
		"/api/v1/namespaces/shop/pods": failing(403, "Forbidden", "pods is forbidden"),
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": answering(201, "application/json",
			`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}`),
	})
	var out, complaints bytes.Buffer
	code := run([]string{"sidecar-injector", "status", "--kubeconfig", kubeconfig}, streams{Out: &out, ErrOut: &complaints})
	if got := complaints.String(); code != exitNoAnswer || !strings.Contains(got, "you may not list pods in namespace shop: pods is forbidden") || strings.Contains(got, "kubectl apply") {
		t.Errorf("exit code %d: %s", code, got)
	}
}
