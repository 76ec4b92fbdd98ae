package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
)

// reading returns the permissions that status needs in the namespaces that it shows.
func reading() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		rule("", "list", "pods"), rule("batch", "list", "jobs"), rule("policy", "list", "poddisruptionbudgets"),
	}
}

// changing returns the permissions that rollout needs in the namespaces of the pods that it changes; for
// repair, those without changes in place.
func changing(repairs bool) []rbacv1.PolicyRule {
	all := []rbacv1.PolicyRule{
		rule("", "get list", "pods", "replicationcontrollers", "events"),
		rule("", "create", "pods"),
		rule("", "create", "pods/eviction"),
		rule("", "patch", "replicationcontrollers"),
		rule("apps", "get list patch", "deployments", "statefulsets", "daemonsets", "replicasets"),
		rule("batch", "list", "jobs"),
		rule("policy", "list", "poddisruptionbudgets"),
	}
	if !repairs {
		all = append(all, rule("", "patch", "pods", "pods/resize"))
	}
	return all
}

// deciding returns the permissions that all commands need in the whole cluster, to read what decides about
// pods. The one for the injector's ConfigMaps is missing, because their namespace depends on the installation.
func deciding() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		rule("", "get list", "namespaces"),
		rule("", "list", "nodes"),
		rule("sidecar-injector.dev", "get list", "sidecartemplates", "clustersidecartemplates"),
		rule("admissionregistration.k8s.io", "list", "mutatingwebhookconfigurations"),
	}
}

func rule(group, verbs string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: strings.Fields(verbs)}
}

// rights adds a hint to a *fleet.DeniedError: a manifest that grants all missing permissions among rules. It
// adds none for a user whom the API server does not know.
func (c *commonFlags) rights(ctx context.Context, err error, rules []rbacv1.PolicyRule) error {
	denied := (*fleet.DeniedError)(nil)
	if !errors.As(err, &denied) || live.Unauthenticated(denied.Err) {
		return err
	}
	reader, failed := c.newReader()
	if failed != nil {
		return err
	}
	lack := func(namespace string, rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		return lacking(rules, func(a *authorizationv1.ResourceAttributes) bool {
			a.Namespace = namespace
			may, err := reader.May(ctx, a)
			return err == nil && may
		})
	}
	rules = append([]rbacv1.PolicyRule{rule(fleet.Group(denied.Resource), denied.Verb, denied.Resource)}, rules...)
	everywhere, manifests := deciding(), []string(nil)
	if denied.Namespace == "" {
		everywhere = append(everywhere, rules...)
	}
	if lacks := lack("", everywhere); len(lacks) > 0 {
		manifests = append(manifests, grant("", lacks)...)
	}
	if denied.Namespace != "" {
		if lacks := lack(denied.Namespace, rules); len(lacks) > 0 {
			manifests = append(manifests, grant(denied.Namespace, lacks)...)
		}
	}
	if len(manifests) == 0 {
		return err // no role lacks, so that none mends it
	}
	return &hinted{err, "somebody who may can give what lacks, with your name for YOU; docs/fleet.md has all that this takes:\n" +
		"kubectl apply -f - <<'END'\n" + strings.Join(manifests, "\n---\n") + "\nEND"}
}

// lacking returns the part of rules that is not allowed.
func lacking(rules []rbacv1.PolicyRule, allowed func(*authorizationv1.ResourceAttributes) bool) []rbacv1.PolicyRule {
	var all []rbacv1.PolicyRule
	for _, r := range rules {
		for _, resource := range r.Resources {
			var verbs []string
			for _, verb := range r.Verbs {
				name, sub, _ := strings.Cut(resource, "/")
				known := slices.ContainsFunc(all, func(o rbacv1.PolicyRule) bool {
					return o.APIGroups[0] == r.APIGroups[0] && o.Resources[0] == resource && slices.Contains(o.Verbs, verb)
				})
				if !known && !allowed(&authorizationv1.ResourceAttributes{Group: r.APIGroups[0], Resource: name, Subresource: sub, Verb: verb}) {
					verbs = append(verbs, verb)
				}
			}
			if len(verbs) > 0 {
				all = append(all, rule(r.APIGroups[0], strings.Join(verbs, " "), resource))
			}
		}
	}
	return all
}

// grant returns manifests of a role with rules and of its binding; without a namespace they are for the
// cluster. The name depends on the rules, so that applying them takes nothing from another role.
func grant(namespace string, rules []rbacv1.PolicyRule) []string {
	h := fnv.New32a()
	fmt.Fprint(h, rules)
	name := fmt.Sprintf("sidecar-rollout-%08x", h.Sum32())
	kind, place := "Role", map[string]any{"name": name, "namespace": namespace}
	if namespace == "" {
		kind, place = "ClusterRole", map[string]any{"name": name}
	}
	bound := map[string]any{"name": name + "-YOU"}
	if namespace != "" {
		bound["namespace"] = namespace
	}
	var all []string
	for _, o := range []map[string]any{
		{"kind": kind, "metadata": place, "rules": rules},
		{"kind": kind + "Binding", "metadata": bound, "roleRef": rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name},
			"subjects": []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "YOU"}}},
	} {
		o["apiVersion"] = rbacv1.SchemeGroupVersion.String()
		text, err := json.Marshal(o)
		if err != nil {
			text = []byte(err.Error()) // cannot happen: the objects above have no values that JSON lacks
		}
		all = append(all, string(text))
	}
	return all
}
