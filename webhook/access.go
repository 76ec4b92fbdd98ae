package webhook

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// AccessReviewer creates SubjectAccessReviews, which ask the API server what a user may do. client-go's
// SubjectAccessReviewInterface implements it.
type AccessReviewer interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, options metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// ServiceAccount identifies the service account that a pod runs as.
type ServiceAccount struct{ Namespace, Name string }

// MissingAccess is a permission that injected sidecars need and that their pod's service account does not
// have.
type MissingAccess struct {
	Account ServiceAccount
	// Unasked is true for the entry that stands for every permission beyond the limit of FindMissingAccess,
	// about which the API server was not asked. Permission and Instances are empty then.
	Unasked bool
	// Permission is what is missing. If it lists no namespaces, the service account's own namespace is
	// meant.
	Permission v1alpha1.Permission
	// Instances are the names of the template instances that need Permission.
	Instances []string
}

// String returns one sentence: what the service account may not do, which sidecars need it, and what to
// bind.
func (m MissingAccess) String() string {
	if m.Unasked {
		return fmt.Sprintf("service account %s of namespace %s needs so many rights for its sidecars that not all were looked at",
			message.Quote(m.Account.Name), message.Quote(m.Account.Namespace))
	}
	return fmt.Sprintf("service account %s of namespace %s may not %s, which %s: bind a %s with these rights to it",
		message.Quote(m.Account.Name), message.Quote(m.Account.Namespace), m.Permission, m.who(), m.Binding())
}

// Need returns the sentence without a verdict, for callers that do not know what the service account may
// do.
func (m MissingAccess) Need() string {
	return fmt.Sprintf("%s that service account %s of namespace %s may %s", m.who(), message.Quote(m.Account.Name), message.Quote(m.Account.Namespace), m.Permission)
}

// who returns the subject of the sentence: the instances and "needs" or "need".
func (m MissingAccess) who() string {
	instances := make([]string, len(m.Instances))
	for i, name := range m.Instances {
		instances[i] = message.Quote(name)
	}
	if len(instances) == 1 {
		return "sidecar " + instances[0] + " needs"
	}
	return "sidecars " + strings.Join(instances, " and ") + " need"
}

// Binding returns the kind of role that can grant the permission: ClusterRole if it is needed in all
// namespaces, otherwise Role.
func (m MissingAccess) Binding() string {
	if slices.Contains(m.Permission.Namespaces, v1alpha1.EveryNamespace) {
		return "ClusterRole"
	}
	return "Role"
}

// MaxAccessReviews is the limit that is passed to FindMissingAccess: how many SubjectAccessReviews one pod
// or workload may cause.
const MaxAccessReviews = 16

// longestName is the length in bytes of the longest name in Kubernetes. Nobody has rights on anything that is
// longer, and a pod's author can write a name of megabytes, which would be in every question.
const longestName = 253

// FindMissingAccess returns the permissions that instances need and account does not have. It creates at
// most limit SubjectAccessReviews, in parallel; if more would be needed, the last entry has Unasked set.
// Instances that are not in the pod need nothing, and names that are too long are not asked about.
// Instances carry permissions only if inject.Request.Permissions was set. The error is the first one of
// reviewer.
func FindMissingAccess(ctx context.Context, reviewer AccessReviewer, account ServiceAccount, instances []inject.Instance, limit int) ([]MissingAccess, error) {
	if len(account.Name) > longestName {
		return nil, nil
	}
	questions, all := questionsOf(instances, limit)
	if len(questions) == 0 {
		return nil, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, q := range questions {
		group.Go(func() error {
			answer, err := reviewer.Create(ctx, q.review(account), metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("access of service account %s in namespace %s: %w", message.Quote(account.Name), message.Quote(account.Namespace), err)
			}
			q.denied = !answer.Status.Allowed
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	missing := summarizeAccess(account, questions)
	if !all {
		missing = append(missing, MissingAccess{Account: account, Unasked: true})
	}
	return missing, nil
}

// lackingRights returns one sentence for each permission that the service account lacks for the injected
// instances. It returns none if reviewer is nil, and an error if the API server does not answer within the
// given time. account is called only if there is something to ask: it looks through the pod's spec.
func lackingRights(ctx context.Context, reviewer AccessReviewer, account func() ServiceAccount, result *inject.Result, within time.Duration) ([]string, error) {
	if reviewer == nil || !slices.ContainsFunc(result.Instances, func(in inject.Instance) bool { return in.Needy() }) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	missing, err := FindMissingAccess(ctx, reviewer, account(), result.Instances, MaxAccessReviews)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, m := range missing {
		texts = append(texts, m.String())
	}
	return texts, nil
}

// right is one verb on one resource, the unit that a SubjectAccessReview asks about.
type right struct {
	namespace, group, resource, name, verb string // namespace "" is the service account's own namespace
}

// question is a right and the names of the instances that need it.
type question struct {
	right
	instances []string
	denied    bool
}

// questionsOf returns the distinct rights that instances need, at most limit of them; all is false if there
// are more. The time is bounded by the lengths of the permissions' lists and limit, not by the product of
// the lists.
func questionsOf(instances []inject.Instance, limit int) (questions []*question, all bool) {
	known := map[right]*question{}
	for i := range instances {
		in := &instances[i]
		if !in.Needy() {
			continue
		}
		for j := range in.Permissions {
			for needed := range rightsOf(&in.Permissions[j]) {
				q := known[needed]
				if q == nil && len(questions) == limit {
					return questions, false
				}
				if q == nil {
					q = &question{right: needed}
					known[needed] = q
					questions = append(questions, q)
				}
				if !slices.Contains(q.instances, in.Name) {
					q.instances = append(q.instances, in.Name)
				}
			}
		}
	}
	return questions, true
}

// rightsOf yields each combination of a permission's lists once. The iterator is lazy, because the product
// of the lists can be far larger than what the caller consumes.
func rightsOf(p *v1alpha1.Permission) iter.Seq[right] {
	return func(yield func(right) bool) {
		namespaces, groups, resources := distinct(orEmpty(p.Namespaces)), distinct(p.APIGroups), distinct(p.Resources)
		names, verbs := distinct(orEmpty(p.ResourceNames)), distinct(p.Verbs)
		for _, namespace := range namespaces {
			for _, group := range groups {
				for _, resource := range resources {
					for _, name := range names {
						for _, verb := range verbs {
							if !yield(right{namespace, group, resource, name, verb}) {
								return
							}
						}
					}
				}
			}
		}
	}
}

func orEmpty(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// distinct returns list without repetitions and names that are too long, in the order of the first
// occurrences.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	var once []string
	for _, s := range list {
		if !seen[s] && len(s) <= longestName {
			seen[s] = true
			once = append(once, s)
		}
	}
	return once
}

// review builds the SubjectAccessReview with the user name and groups that the API server gives to a
// request of the service account.
func (q *question) review(account ServiceAccount) *authorizationv1.SubjectAccessReview {
	namespace := q.namespace
	switch namespace {
	case "":
		namespace = account.Namespace
	case v1alpha1.EveryNamespace:
		namespace = ""
	}
	resource, subresource, _ := strings.Cut(q.resource, "/")
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   serviceaccount.MakeUsername(account.Namespace, account.Name),
		Groups: append(serviceaccount.MakeGroupNames(account.Namespace), user.AllAuthenticated),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: q.verb, Group: q.group, Resource: resource, Subresource: subresource, Name: q.name,
		},
	}}
}

// summarizeAccess merges the denied rights into few permissions: first the verbs of one resource, then the
// resources with equal verbs.
func summarizeAccess(account ServiceAccount, questions []*question) []MissingAccess {
	var missing []MissingAccess
	for _, q := range questions {
		if !q.denied {
			continue
		}
		p := v1alpha1.Permission{APIGroups: []string{q.group}, Resources: []string{q.resource}, Verbs: []string{q.verb}}
		if q.namespace != "" {
			p.Namespaces = []string{q.namespace}
		}
		if q.name != "" {
			p.ResourceNames = []string{q.name}
		}
		at := slices.IndexFunc(missing, func(m MissingAccess) bool {
			return sameBut(m.Permission, p, true) && slices.Equal(m.Instances, q.instances)
		})
		if at >= 0 {
			missing[at].Permission.Verbs = append(missing[at].Permission.Verbs, q.verb)
			continue
		}
		missing = append(missing, MissingAccess{Account: account, Permission: p, Instances: q.instances})
	}
	var merged []MissingAccess
	for _, m := range missing {
		at := slices.IndexFunc(merged, func(before MissingAccess) bool {
			return sameBut(before.Permission, m.Permission, false) && slices.Equal(before.Instances, m.Instances)
		})
		if at >= 0 {
			merged[at].Permission.Resources = append(merged[at].Permission.Resources, m.Permission.Resources...)
			continue
		}
		merged = append(merged, m)
	}
	return merged
}

// sameBut reports whether two permissions are equal except for their verbs, if verbs is true, or except for
// their resources.
func sameBut(a, b v1alpha1.Permission, verbs bool) bool {
	same := slices.Equal(a.APIGroups, b.APIGroups) && slices.Equal(a.Namespaces, b.Namespaces) && slices.Equal(a.ResourceNames, b.ResourceNames)
	if verbs {
		return same && slices.Equal(a.Resources, b.Resources)
	}
	return same && slices.Equal(a.Verbs, b.Verbs)
}
