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
		missing, _, err := l.reader.MissingAccess(ctx, account, instances)
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
	bindings map[string][]givenBinding        // by the user or groupPrefix and the group that they are for
	tokens   map[webhook.ServiceAccount]*bool // automountServiceAccountToken of the account; nil if not set
	mutex    sync.Mutex
	reviews  map[askedRight]bool // those made, guarded by mutex: many pods have one account
}

// askedRight is an access review of one account.
type askedRight struct {
	account webhook.ServiceAccount
	asked   authorizationv1.ResourceAttributes
}

// groupPrefix distinguishes groups from users in givenRights; no user's name begins with it.
const groupPrefix = "\x00"

type roleKey struct{ namespace, name string } // namespace is "" for a ClusterRole

type givenBinding struct {
	namespace string // "" for a ClusterRoleBinding
	role      roleKey
}

// newGivenRights reads the roles, bindings and service accounts of the manifests; fallback is the namespace
// of objects without one. Malformed objects are ignored, since the API server rejects them.
func newGivenRights(streams []*manifest.Stream, fallback string) *givenRights {
	g := &givenRights{
		roles: map[roleKey][]rbacv1.PolicyRule{}, bindings: map[string][]givenBinding{},
		tokens: map[webhook.ServiceAccount]*bool{}, reviews: map[askedRight]bool{},
	}
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
	for _, s := range binding.Subjects {
		var holder string
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			holder = serviceaccount.MakeUsername(cmp.Or(s.Namespace, namespace), s.Name)
		case rbacv1.UserKind:
			holder = s.Name
		case rbacv1.GroupKind:
			holder = groupPrefix + s.Name
		}
		g.bindings[holder] = append(g.bindings[holder], givenBinding{namespace, role})
	}
}

// of returns the bindings of an account and of its groups; one that names several of these comes repeatedly.
func (g *givenRights) of(account webhook.ServiceAccount) []givenBinding {
	all := g.bindings[serviceaccount.MakeUsername(account.Namespace, account.Name)]
	for _, group := range append(serviceaccount.MakeGroupNames(account.Namespace), user.AllAuthenticated) {
		all = slices.Concat(all, g.bindings[groupPrefix+group])
	}
	return all
}

// manifestAccess is a webhook.AccessReviewer for a cluster that has only the roles and bindings of the
// manifests.
type manifestAccess struct {
	given   *givenRights
	account webhook.ServiceAccount
}

// Create implements webhook.AccessReviewer for reviews of the account.
func (m *manifestAccess) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	answer := review.DeepCopy()
	asked := askedRight{m.account, *review.Spec.ResourceAttributes}
	m.given.mutex.Lock()
	defer m.given.mutex.Unlock()
	allowed, known := m.given.reviews[asked]
	if !known {
		allowed = m.allowed(&asked.asked)
		m.given.reviews[asked] = allowed
	}
	answer.Status.Allowed = allowed
	return answer, nil
}

func (m *manifestAccess) allowed(asked *authorizationv1.ResourceAttributes) bool {
	needed := rbacv1.PolicyRule{Verbs: []string{asked.Verb}, APIGroups: []string{asked.Group}, Resources: []string{asked.Resource}}
	if asked.Subresource != "" {
		needed.Resources[0] += "/" + asked.Subresource
	}
	if asked.Name != "" {
		needed.ResourceNames = []string{asked.Name}
	}
	var rules []rbacv1.PolicyRule
	for _, b := range m.given.of(m.account) {
		if b.namespace == "" || b.namespace == asked.Namespace {
			rules = append(rules, m.given.roles[b.role]...)
		}
	}
	allowed, _ := validation.Covers(rules, []rbacv1.PolicyRule{needed})
	return allowed
}

// lack returns how to report a permission that the manifests do not grant.
func (m *manifestAccess) lack(missing webhook.MissingAccess) lack {
	var unknown []string
	bindings := m.given.of(m.account)
	bound := len(bindings) > 0
	for _, b := range bindings {
		name := message.Quote(b.role.name)
		if _, known := m.given.roles[b.role]; !known && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
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
