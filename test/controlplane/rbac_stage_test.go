//go:build controlplane

package controlplane

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// stage is an installed chart on which injectors run with fewer rights than it grants.
type stage struct {
	namespace string // opted in
	cluster   *rbacv1.ClusterRole
	role      *rbacv1.Role
}

// performance is one run of an injector on a stage.
type performance struct {
	*replica
	stage  *stage
	offset int64              // in the audit log
	events map[types.UID]bool // that existed before
}

// promise returns an error if an effect of the injector is missing; nil if it is there.
type promise func(ctx context.Context, p *performance) error

func setStage(t *testing.T, args ...string) *stage {
	t.Helper()
	t.Cleanup(func() { // reset creates them again, without Helm's ownership
		ctx := context.Background()
		for _, err := range []error{
			suite.client.CoreV1().Secrets(releaseName).Delete(ctx, releaseName+"-ca", metav1.DeleteOptions{}),
			suite.client.CoordinationV1().Leases(releaseName).Delete(ctx, releaseName, metav1.DeleteOptions{}),
		} {
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
	})
	installChart(t, args...)
	s := &stage{namespace: newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)}
	var err error
	s.cluster, err = suite.client.RbacV1().ClusterRoles().Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	s.role, err = suite.client.RbacV1().Roles(releaseName).Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	return s
}

// granted returns all rights of the chart's service account.
func (s *stage) granted() map[right]bool {
	found := map[right]bool{}
	for _, rule := range append(append([]rbacv1.PolicyRule{}, s.cluster.Rules...), s.role.Rules...) {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				found[right{resource, verb}] = true
			}
		}
	}
	return found
}

// reset restores everything to the state after the chart's installation, with changed rules.
func (s *stage) reset(t *testing.T, change func([]rbacv1.PolicyRule) []rbacv1.PolicyRule) {
	t.Helper()
	ctx := t.Context()
	cluster, role := s.cluster.DeepCopy(), s.role.DeepCopy()
	if change != nil {
		cluster.Rules, role.Rules = change(cluster.Rules), change(role.Rules)
	}
	cluster.ResourceVersion, role.ResourceVersion = "", ""
	_, err := suite.client.RbacV1().ClusterRoles().Update(ctx, cluster, metav1.UpdateOptions{})
	must(t, err)
	_, err = suite.client.RbacV1().Roles(releaseName).Update(ctx, role, metav1.UpdateOptions{})
	must(t, err)
	s.settle(t, append(cluster.Rules, role.Rules...))

	deleteSecret(t, s)
	_, err = suite.client.CoreV1().Secrets(releaseName).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: releaseName + "-ca"}}, metav1.CreateOptions{})
	must(t, err)
	deleteLease(t, s)
	_, err = suite.client.CoordinationV1().Leases(releaseName).Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: releaseName}}, metav1.CreateOptions{})
	must(t, err)
	s.emptyBundles(t)
	for _, template := range s.templates() {
		client := templatesOf(t, pluralOf(template), template.GetNamespace())
		if err := client.Delete(ctx, template.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		applyTemplate(t, template)
	}
}

// settle waits until the API server applies the rules.
func (s *stage) settle(t *testing.T, rules []rbacv1.PolicyRule) {
	t.Helper()
	has := map[right]string{}
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				has[right{resource, verb}] = strings.Join(rule.ResourceNames, "")
			}
		}
	}
	for _, rule := range append(append([]rbacv1.PolicyRule{}, s.cluster.Rules...), s.role.Rules...) {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				_, want := has[right{resource, verb}]
				name, sub, _ := strings.Cut(resource, "/")
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: "system:serviceaccount:" + releaseName + ":" + releaseName, Groups: []string{"system:serviceaccounts"},
					ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: releaseName, Group: rule.APIGroups[0], Resource: name,
						Subresource: sub, Verb: verb, Name: strings.Join(rule.ResourceNames, "")},
				}}
				err := eventually(t.Context(), patience, func(ctx context.Context) error {
					answer, err := suite.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
					if err == nil && answer.Status.Allowed != want {
						err = fmt.Errorf("%s %s: allowed %t, want %t", resource, verb, answer.Status.Allowed, want)
					}
					return err
				})
				must(t, err)
			}
		}
	}
}

func (s *stage) emptyBundles(t *testing.T) {
	t.Helper()
	ctx, registered := t.Context(), suite.client.AdmissionregistrationV1()
	m, err := registered.MutatingWebhookConfigurations().Get(ctx, releaseName, metav1.GetOptions{})
	must(t, err)
	for i := range m.Webhooks {
		m.Webhooks[i].ClientConfig.CABundle = nil
	}
	_, err = registered.MutatingWebhookConfigurations().Update(ctx, m, metav1.UpdateOptions{})
	must(t, err)
	v, err := registered.ValidatingWebhookConfigurations().Get(ctx, releaseName, metav1.GetOptions{})
	must(t, err)
	for i := range v.Webhooks {
		v.Webhooks[i].ClientConfig.CABundle = nil
	}
	_, err = registered.ValidatingWebhookConfigurations().Update(ctx, v, metav1.UpdateOptions{})
	must(t, err)
}

// templates returns one template of each kind.
func (s *stage) templates() []*unstructured.Unstructured {
	return []*unstructured.Unstructured{sidecarTemplate("", "side", "side:1"), sidecarTemplate(s.namespace, "near", "near:1")}
}

func (s *stage) start(t *testing.T) *performance {
	t.Helper()
	log, err := os.Stat(filepath.Join(suite.logs, "audit.log"))
	must(t, err)
	p := &performance{stage: s, offset: log.Size(), events: map[types.UID]bool{}}
	list, err := suite.client.CoreV1().Events(s.namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	for _, e := range list.Items {
		p.events[e.UID] = true
	}
	p.replica = startReplica(t)
	return p
}

// auditEvent is the part of the API server's audit event that is read.
type auditEvent struct {
	Verb           string
	User           struct{ Username string }
	ObjectRef      struct{ Resource, Subresource, Name string }
	ResponseStatus struct{ Code int }
}

func (e *auditEvent) resource() string {
	return strings.TrimSuffix(e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/")
}

// asked returns the requests of this run's injector for which holds is true.
func (p *performance) asked(holds func(*auditEvent) bool) []auditEvent {
	log, err := os.Open(filepath.Join(suite.logs, "audit.log"))
	if err != nil {
		return nil
	}
	defer log.Close()
	if _, err := log.Seek(p.offset, io.SeekStart); err != nil {
		return nil
	}
	var found []auditEvent
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e auditEvent
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.User.Username == "system:serviceaccount:"+releaseName+":"+releaseName && holds(&e) {
			found = append(found, e)
		}
	}
	return found
}

func deleteLease(t *testing.T, _ *stage) {
	t.Helper()
	err := suite.client.CoordinationV1().Leases(releaseName).Delete(t.Context(), releaseName, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

func deleteSecret(t *testing.T, _ *stage) {
	t.Helper()
	err := suite.client.CoreV1().Secrets(releaseName).Delete(t.Context(), releaseName+"-ca", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

func getsReady(ctx context.Context, p *performance) error { return p.ready(ctx) }

func makesAuthority(ctx context.Context, _ *performance) error {
	secret, err := suite.client.CoreV1().Secrets(releaseName).Get(ctx, releaseName+"-ca", metav1.GetOptions{})
	if err == nil && len(secret.Data[corev1.TLSCertKey]) == 0 {
		err = errors.New("the Secret has no certificate")
	}
	return err
}

func leads(ctx context.Context, _ *performance) error {
	lease, err := suite.client.CoordinationV1().Leases(releaseName).Get(ctx, releaseName, metav1.GetOptions{})
	if err == nil && (lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "") {
		err = errors.New("nobody holds the lease")
	}
	return err
}

func fillsBundle(webhook string) promise {
	return func(ctx context.Context, _ *performance) error {
		found, err := bundles(ctx)
		if err == nil && found[webhook] == "" {
			err = errors.New(webhook + " has no bundle")
		}
		return err
	}
}

// injects is kept if a pod that requests the template is injected.
func injects(template string) promise {
	return func(ctx context.Context, p *performance) error {
		pod := appPod("web")
		pod.Annotations[requestAnnotation] = template
		got, err := create(ctx, p.stage.namespace, "Pod", pod, "dryRun=All")
		if err == nil && len(containerNames(got.object, "initContainers")) == 0 {
			err = errors.New("the pod has no sidecar")
		}
		return err
	}
}

// looksUpNamespaces sends a review for a pod of a namespace that no watch has delivered. That happens in
// tests only.
func looksUpNamespaces(ctx context.Context, p *performance) error {
	review := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},"resource":{"version":"v1","resource":"pods"},
		"namespace":"nobody-has-made-it","operation":"CREATE","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/mutate", strings.NewReader(review))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	looked := p.asked(func(e *auditEvent) bool {
		return e.resource() == "namespaces" && e.Verb == "get" && e.ObjectRef.Name == "nobody-has-made-it"
	})
	if len(looked) == 0 {
		return fmt.Errorf("nobody looked the namespace up; the answer is %s", response.Status)
	}
	return nil
}

func tellsStatus(plural string) promise {
	return func(ctx context.Context, p *performance) error {
		for _, template := range p.stage.templates() {
			if pluralOf(template) != plural {
				continue
			}
			live, err := templatesOf(p.i.t, plural, template.GetNamespace()).Get(ctx, template.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			if conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions"); len(conditions) == 0 {
				return fmt.Errorf("%s %s has no status", plural, template.GetName())
			}
		}
		return nil
	}
}

// advisesOnRights creates a workload whose sidecar reads ConfigMaps without its service account having the
// right.
func advisesOnRights(ctx context.Context, p *performance) error {
	pod := appPod("web")
	pod.Annotations = map[string]string{
		requestAnnotation:                         "config-sync",
		"config-sync.sidecar-injector.dev/label":  "dashboard",
		"config-sync.sidecar-injector.dev/folder": "/dashboards",
	}
	pod.Labels = map[string]string{"app": "web"}
	got, err := create(ctx, p.stage.namespace, "Deployment", object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "web"},
		"spec": object{"selector": object{"matchLabels": pod.Labels}, "template": object{"metadata": pod.ObjectMeta, "spec": pod.Spec}},
	}, "dryRun=All")
	if err == nil && !strings.Contains(strings.Join(got.warnings, "\n"), "configmaps") {
		err = fmt.Errorf("no warning of rights: %q", got.warnings)
	}
	return err
}

// tellsOwner is kept if a refused pod of a workload causes an event on the workload, with that count.
func tellsOwner(times int32) promise {
	return func(ctx context.Context, p *performance) error {
		pod := appPod("web-1")
		pod.Annotations[requestAnnotation] = "no-such-template"
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: types.UID("4711"), Controller: new(true)}}
		if _, err := create(ctx, p.stage.namespace, "Pod", pod); err == nil {
			return errors.New("a template that is nowhere was found")
		}
		list, err := suite.client.CoreV1().Events(p.stage.namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=web"})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Count >= times && !p.events[e.UID] {
				return nil
			}
		}
		return fmt.Errorf("no event was counted %d times: %d events", times, len(list.Items))
	}
}

// waitsToBeTold is kept unless the injector lists the resource repeatedly.
func waitsToBeTold(resource string) promise {
	return func(_ context.Context, p *performance) error {
		if n := len(p.asked(func(e *auditEvent) bool { return e.Verb == "list" && e.resource() == resource })); n > 1 {
			return fmt.Errorf("listed %d times", n)
		}
		return nil
	}
}
