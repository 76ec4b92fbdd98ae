package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// maxRights is how many permissions of one workload are looked up in the manifests.
const maxRights = 1000

// rights returns a line for each permission that the sidecars of the workloads need and do not have.
func (l *loaded) rights(ctx context.Context, answers []offline.Answer, p palette) (string, error) {
	var told []rightsLine
	lines := map[lack]int{} // one line for the same lack of several workloads: one binding fixes it for all
	given := l.givenRights()
	for i := range answers {
		a := &answers[i]
		lacks, err := l.lacks(ctx, given, a)
		if err != nil {
			return "", err
		}
		for _, lack := range lacks {
			if at, known := lines[lack]; known {
				told[at].others++
				continue
			}
			lines[lack] = len(told)
			told = append(told, rightsLine{lack: lack, place: a.Place("spec.serviceAccountName"), title: a.Title()})
		}
	}
	var b strings.Builder
	for _, t := range told {
		kind := "note:"
		if t.sure {
			kind = "warning:"
		}
		if t.others > 0 {
			t.title += fmt.Sprintf(" and %d more", t.others)
		}
		fmt.Fprintf(&b, "%s %s: %s: %s\n", p.Yellow(kind), t.place, t.title, t.text)
	}
	return p.Printable(b.String()), nil
}

// rightsLine is what one workload lacks, and how many others lack the same.
type rightsLine struct {
	lack
	place, title string
	others       int
}

// lack is a permission, or the token, that sidecars need and the pod's service account does not have. sure
// is false if the manifests say nothing about the account: the cluster may grant what they do not.
type lack struct {
	text string
	sure bool
}

// lacks returns what the sidecars of a workload lack, according to the cluster that it was read from, or
// else according to the manifests.
func (l *loaded) lacks(ctx context.Context, given func() *givenRights, a *offline.Answer) ([]lack, error) {
	instances := a.Result.Instances
	needy := slices.IndexFunc(instances, func(in inject.Instance) bool { return in.Needy() })
	if needy < 0 {
		return nil, nil
	}
	var pod podAccount
	if err := json.Unmarshal(a.Pod.JSON, &pod); err != nil {
		return nil, nil // the API server rejects a pod with fields of the wrong type
	}
	account := webhook.ServiceAccount{Namespace: a.Namespace.Name, Name: cmp.Or(pod.Spec.ServiceAccountName, "default")}
	var all []lack
	if l.reader != nil {
		missing, err := l.reader.MissingAccess(ctx, account, instances)
		for _, m := range missing {
			all = append(all, lack{m.String(), true})
		}
		return all, err
	}
	if mounted := given().tokens[account]; mounted != nil && !*mounted && pod.Spec.AutomountServiceAccountToken == nil {
		all = append(all, lack{fmt.Sprintf("ServiceAccount %s has automountServiceAccountToken: false, but sidecar %s needs its token: write automountServiceAccountToken: true in the pod's spec",
			message.Quote(account.Name), message.Quote(instances[needy].Name)), true})
	}
	reviewer := &manifestAccess{given: given(), account: account}
	missing, err := webhook.FindMissingAccess(ctx, reviewer, account, instances, maxRights)
	for _, m := range missing {
		all = append(all, reviewer.lack(m))
	}
	return all, err
}

// givenRights returns a function that reads the roles and bindings of the manifests at its first call, so
// that nothing is read if no sidecar needs permissions.
func (l *loaded) givenRights() func() *givenRights {
	return sync.OnceValue(func() *givenRights { return newGivenRights(l.Streams, l.Fallback) })
}

// podAccount is the part of a pod that selects its service account.
type podAccount struct {
	Spec struct {
		ServiceAccountName           string
		AutomountServiceAccountToken *bool
	}
}

// givenRights holds the permissions that roles and bindings in the manifests grant.
type givenRights struct {
	roles    map[roleKey][]rbacv1.PolicyRule
	bindings []givenBinding
	tokens   map[webhook.ServiceAccount]*bool // automountServiceAccountToken of the account; nil if not set
}

type roleKey struct{ namespace, name string } // namespace is "" for a ClusterRole

type givenBinding struct {
	namespace string // "" for a ClusterRoleBinding
	subjects  []rbacv1.Subject
	role      roleKey
}

// newGivenRights reads the roles, bindings and service accounts of the manifests; fallback is the namespace
// of objects without one. Malformed objects are ignored, since the API server rejects them.
func newGivenRights(streams []*manifest.Stream, fallback string) *givenRights {
	g := &givenRights{roles: map[roleKey][]rbacv1.PolicyRule{}, tokens: map[webhook.ServiceAccount]*bool{}}
	for _, stream := range streams {
		for _, o := range stream.Objects(rbacv1.GroupName, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") {
			namespace := cmp.Or(o.Namespace, fallback)
			if strings.HasPrefix(o.Kind, "Cluster") {
				namespace = ""
			}
			g.add(o, namespace)
		}
		for _, o := range stream.Objects("", "ServiceAccount") {
			var account corev1.ServiceAccount
			if json.Unmarshal(o.JSON, &account) == nil {
				g.tokens[webhook.ServiceAccount{Namespace: cmp.Or(o.Namespace, fallback), Name: o.Name}] = account.AutomountServiceAccountToken
			}
		}
	}
	return g
}

func (g *givenRights) add(o manifest.Object, namespace string) {
	if !strings.HasSuffix(o.Kind, "Binding") {
		var role rbacv1.ClusterRole
		if json.Unmarshal(o.JSON, &role) == nil {
			g.roles[roleKey{namespace, o.Name}] = role.Rules
		}
		return
	}
	var binding rbacv1.RoleBinding
	if json.Unmarshal(o.JSON, &binding) != nil {
		return
	}
	role := roleKey{namespace, binding.RoleRef.Name}
	if binding.RoleRef.Kind == "ClusterRole" {
		role.namespace = ""
	}
	g.bindings = append(g.bindings, givenBinding{namespace, binding.Subjects, role})
}

// manifestAccess is a webhook.AccessReviewer for a cluster that has only the roles and bindings of the
// manifests.
type manifestAccess struct {
	given   *givenRights
	account webhook.ServiceAccount
}

// Create implements webhook.AccessReviewer for reviews of the account.
func (m *manifestAccess) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	asked := review.Spec.ResourceAttributes
	needed := rbacv1.PolicyRule{Verbs: []string{asked.Verb}, APIGroups: []string{asked.Group}, Resources: []string{asked.Resource}}
	if asked.Subresource != "" {
		needed.Resources[0] += "/" + asked.Subresource
	}
	if asked.Name != "" {
		needed.ResourceNames = []string{asked.Name}
	}
	var rules []rbacv1.PolicyRule
	for i := range m.given.bindings {
		if b := &m.given.bindings[i]; (b.namespace == "" || b.namespace == asked.Namespace) && m.concerns(b) {
			rules = append(rules, m.given.roles[b.role]...)
		}
	}
	answer := review.DeepCopy()
	answer.Status.Allowed, _ = validation.Covers(rules, []rbacv1.PolicyRule{needed})
	return answer, nil
}

// concerns reports whether a subject of a binding is the account or one of its groups.
func (m *manifestAccess) concerns(b *givenBinding) bool {
	return slices.ContainsFunc(b.subjects, func(s rbacv1.Subject) bool {
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			return s.Name == m.account.Name && cmp.Or(s.Namespace, b.namespace) == m.account.Namespace
		case rbacv1.UserKind:
			return s.Name == serviceaccount.MakeUsername(m.account.Namespace, m.account.Name)
		case rbacv1.GroupKind:
			return s.Name == user.AllAuthenticated || slices.Contains(serviceaccount.MakeGroupNames(m.account.Namespace), s.Name)
		}
		return false
	})
}

// lack returns how to report a permission that the manifests do not grant.
func (m *manifestAccess) lack(missing webhook.MissingAccess) lack {
	var unknown []string
	bound := false
	for i := range m.given.bindings {
		b := &m.given.bindings[i]
		if !m.concerns(b) {
			continue
		}
		bound = true
		if _, known := m.given.roles[b.role]; !known {
			unknown = append(unknown, message.Quote(b.role.name))
		}
	}
	switch {
	case missing.Unasked, bound && unknown == nil:
		return lack{missing.String(), true}
	case unknown != nil:
		return lack{fmt.Sprintf("%s; whether it may is not known, for its role %s is not among the manifests", missing.Need(), strings.Join(unknown, " and ")), false}
	}
	return lack{fmt.Sprintf("%s: bind a %s with these rights to it, unless the cluster has one; the manifests have none", missing.Need(), missing.Binding()), false}
}
