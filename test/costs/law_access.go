package main

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// nothing is a simulated API server that denies every access review.
type nothing struct{}

func (nothing) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	return review, nil
}

// accessLaws are the inputs of the advice at kubectl apply.
func accessLaws() []law {
	words := func(prefix string, n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("%s%d", prefix, i)
		}
		return list
	}
	asked := func(bytes int, instances []inject.Instance) job {
		return job{bytes: bytes, do: func() (outcome, error) {
			missing, err := webhook.FindMissingAccess(context.Background(), nothing{}, webhook.ServiceAccount{Namespace: tenant, Name: "default"}, instances, webhook.MaxAccessReviews)
			return word(fmt.Sprintf("%d missing", len(missing))), err
		}}
	}
	needing := func(name string, permissions ...v1alpha1.Permission) inject.Instance {
		return inject.Instance{Name: name, Outcome: inject.Injected, Permissions: permissions}
	}
	return []law{
		{name: "access: each list of a permission", n: 6, build: func(n int) job {
			return asked(20*n, []inject.Instance{needing("a", v1alpha1.Permission{
				APIGroups: words("g", n), Resources: words("r", n), ResourceNames: words("n", n), Verbs: words("v", n), Namespaces: words("s", n),
			})})
		}},
		{name: "access: verbs", n: 400, build: func(n int) job {
			return asked(4*n, []inject.Instance{needing("a", v1alpha1.Permission{APIGroups: words("g", 1), Resources: words("r", 1), Verbs: words("v", n)})})
		}},
		{name: "access: equal permissions", n: 200, build: func(n int) job {
			equal := make([]v1alpha1.Permission, n)
			for i := range equal {
				equal[i] = v1alpha1.Permission{APIGroups: words("g", 4), Resources: words("r", 4), Verbs: words("v", 4)}
			}
			return asked(40*n, []inject.Instance{needing("a", equal...)})
		}},
		{name: "access: instances of equal needs", n: 8, build: func(n int) job {
			instances := make([]inject.Instance, n)
			for i := range instances {
				instances[i] = needing(fmt.Sprintf("i%d", i), v1alpha1.Permission{APIGroups: words("g", 2), Resources: words("r", 4), Verbs: words("v", 2)})
			}
			return asked(30*n, instances)
		}},
		{name: "advice: containers", n: 200, build: func(n int) job { return advised(collected(object{"containers": apps(n)}), nil) }},
		{name: "advice: annotations in the wrong place", n: 200, build: func(n int) job {
			annotations := object{}
			for i := range n {
				annotations[fmt.Sprintf("i%d%sp", i, of)] = "v"
			}
			return advised(collected(object{}), annotations)
		}},
		{name: "advice: owners", n: 400, build: func(n int) job { return advised(collected(object{}), nil, texts(n, "o%d")...) }},
	}
}

// advised returns the job of the advice webhook for a Deployment.
func advised(template object, annotations object, owners ...any) job {
	set, _ := setOf(nil)
	options := optionsOf(set)
	options.Access = nothing{}
	handler := webhook.NewAdvice(webhook.NewHandler(options))
	references := times(len(owners), func(i int) any { return object{"name": owners[i], "kind": "X"} })
	body := encode(object{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": object{
			"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "namespace": tenant,
			"kind":     object{"group": "apps", "version": "v1", "kind": "Deployment"},
			"resource": object{"group": "apps", "version": "v1", "resource": "deployments"},
			"object":   object{"metadata": object{"name": "d", "annotations": annotations, "ownerReferences": references}, "spec": object{"template": template}},
		},
	})
	return job{bytes: len(body), request: true, do: func() (outcome, error) { return post(handler, webhook.AdvicePath, body) }}
}
