package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/sidecar-injector/sidecar-injector/templates"
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
	// Permission without a namespace means the account's own.
	Permission v1alpha1.Permission
	// Instances that need it.
	Instances []string
}

// String is one sentence, with what to do.
func (m MissingAccess) String() string {
	instances := make([]string, len(m.Instances))
	for i, name := range m.Instances {
		instances[i] = templates.Quote(name)
	}
	who := "sidecar " + instances[0] + " needs"
	if len(instances) > 1 {
		who = "sidecars " + strings.Join(instances, " and ") + " need"
	}
	binding := "Role"
	if slices.Contains(m.Permission.Namespaces, everyNamespace) {
		binding = "ClusterRole"
	}
	return fmt.Sprintf("service account %s of namespace %s may not %s, which %s: bind a %s with these rights to it",
		templates.Quote(m.Account.Name), templates.Quote(m.Account.Namespace), m.Permission, who, binding)
}

// everyNamespace stands for all namespaces in a permission.
const everyNamespace = "*"

// MaxAccessReviews is how many questions one answer may cost.
const MaxAccessReviews = 16

// FindMissingAccess asks which of the rights that instances need their service account does not
// have. At most limit questions are asked, in parallel; what is beyond is taken for granted.
// Instances that are not in the pod need nothing. They carry permissions only if the
// inject.Request asked for them.
func FindMissingAccess(ctx context.Context, reviewer AccessReviewer, account ServiceAccount, instances []inject.Instance, limit int) ([]MissingAccess, error) {
	var questions []question
	for i := range instances {
		in := &instances[i]
		if in.Outcome != inject.Injected && in.Outcome != inject.Unchanged {
			continue
		}
		for _, permission := range in.Permissions {
			questions = ask(questions, in.Name, permission)
		}
	}
	if len(questions) == 0 {
		return nil, nil
	}
	questions = questions[:min(len(questions), limit)]
	group, ctx := errgroup.WithContext(ctx)
	for i := range questions {
		q := &questions[i]
		group.Go(func() error {
			answer, err := reviewer.Create(ctx, q.review(account), metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("access of service account %s in namespace %s: %w", templates.Quote(account.Name), templates.Quote(account.Namespace), err)
			}
			q.denied = !answer.Status.Allowed
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return summarizeAccess(account, questions), nil
}

// question is one access that instances need.
type question struct {
	namespace, group, resource, name, verb string // namespace "" is the account's own
	instances                              []string
	denied                                 bool
}

// ask adds the questions of one permission; one that is there already is shared.
func ask(questions []question, instance string, p v1alpha1.Permission) []question {
	for _, namespace := range orEmpty(p.Namespaces) {
		for _, group := range p.APIGroups {
			for _, resource := range p.Resources {
				for _, name := range orEmpty(p.ResourceNames) {
					for _, verb := range p.Verbs {
						q := question{namespace: namespace, group: group, resource: resource, name: name, verb: verb}
						i := slices.IndexFunc(questions, q.same)
						if i < 0 {
							questions, i = append(questions, q), len(questions)
						}
						if !slices.Contains(questions[i].instances, instance) {
							questions[i].instances = append(questions[i].instances, instance)
						}
					}
				}
			}
		}
	}
	return questions
}

func orEmpty(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

func (q question) same(other question) bool {
	return q.namespace == other.namespace && q.group == other.group && q.resource == other.resource && q.name == other.name && q.verb == other.verb
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
func summarizeAccess(account ServiceAccount, questions []question) []MissingAccess {
	var missing []MissingAccess
	for i := range questions {
		q := &questions[i]
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
