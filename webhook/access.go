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

// AccessReviewer asks the API server what somebody may do, as client-go's
// SubjectAccessReviewInterface does.
type AccessReviewer interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, options metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// ServiceAccount is one that a pod runs as.
type ServiceAccount struct{ Namespace, Name string }

// MissingAccess is what a service account may not do though sidecars need it.
type MissingAccess struct {
	Account ServiceAccount
	// Unasked stands for all that nobody asked about, since sidecars need too much. The
	// other fields are empty then.
	Unasked bool
	// Permission without a namespace means the account's own.
	Permission v1alpha1.Permission
	// Instances that need it.
	Instances []string
}

// String is one sentence, with what to do.
func (m MissingAccess) String() string {
	if m.Unasked {
		return fmt.Sprintf("service account %s of namespace %s needs so many rights for its sidecars that not all were looked at",
			message.Quote(m.Account.Name), message.Quote(m.Account.Namespace))
	}
	return fmt.Sprintf("service account %s of namespace %s may not %s, which %s: bind a %s with these rights to it",
		message.Quote(m.Account.Name), message.Quote(m.Account.Namespace), m.Permission, m.who(), m.Binding())
}

// Need says what is needed, for where nobody knows what the account may do.
func (m MissingAccess) Need() string {
	return fmt.Sprintf("%s that service account %s of namespace %s may %s", m.who(), message.Quote(m.Account.Name), message.Quote(m.Account.Namespace), m.Permission)
}

// who are the sidecars that need it.
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

// Binding is the kind of role that gives it.
func (m MissingAccess) Binding() string {
	if slices.Contains(m.Permission.Namespaces, everyNamespace) {
		return "ClusterRole"
	}
	return "Role"
}

// everyNamespace stands for all namespaces in a permission.
const everyNamespace = "*"

// MaxAccessReviews is how many questions one answer may cost.
const MaxAccessReviews = 16

// FindMissingAccess asks which of the rights that instances need their service account does not
// have. At most limit questions are asked, in parallel; what is beyond is one entry that says
// so, the last. Instances that are not in the pod need nothing. They carry permissions only if
// the inject.Request asked for them.
func FindMissingAccess(ctx context.Context, reviewer AccessReviewer, account ServiceAccount, instances []inject.Instance, limit int) ([]MissingAccess, error) {
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

// lackingRights tells what a service account lacks for what is injected, as far as that can be found out in a time.
func lackingRights(ctx context.Context, reviewer AccessReviewer, account ServiceAccount, result *inject.Result, within time.Duration) ([]string, error) {
	if reviewer == nil || !slices.ContainsFunc(result.Instances, func(in inject.Instance) bool { return in.Needy() }) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	missing, err := FindMissingAccess(ctx, reviewer, account, result.Instances, MaxAccessReviews)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, m := range missing {
		texts = append(texts, m.String())
	}
	return texts, nil
}

// right is one thing that somebody may do.
type right struct {
	namespace, group, resource, name, verb string // namespace "" is the account's own
}

// question is a right that instances need.
type question struct {
	right
	instances []string
	denied    bool
}

// questionsOf gives the first questions of instances, up to limit, and says whether those are
// all. It costs what the permissions' lists are long, not their product.
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

// rightsOf gives each right of a permission once, as long as somebody wants more.
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

// distinct is a list without repetitions, in order.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	var once []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			once = append(once, s)
		}
	}
	return once
}

// review puts the question as the service account itself would be put by the API server.
func (q *question) review(account ServiceAccount) *authorizationv1.SubjectAccessReview {
	namespace := q.namespace
	switch namespace {
	case "":
		namespace = account.Namespace
	case everyNamespace:
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

// summarizeAccess puts what was denied together: verbs of one resource, then resources
// of equal verbs.
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

// sameBut says whether two permissions differ in nothing but their verbs, or in
// nothing but their resources.
func sameBut(a, b v1alpha1.Permission, verbs bool) bool {
	same := slices.Equal(a.APIGroups, b.APIGroups) && slices.Equal(a.Namespaces, b.Namespaces) && slices.Equal(a.ResourceNames, b.ResourceNames)
	if verbs {
		return same && slices.Equal(a.Resources, b.Resources)
	}
	return same && slices.Equal(a.Verbs, b.Verbs)
}
