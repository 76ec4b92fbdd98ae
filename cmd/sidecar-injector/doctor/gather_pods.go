package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// templates reads all that pods may ask for.
func (g *gatherer) templates(ctx context.Context) error {
	f := g.facts
	f.CRDs = seen(g.definitions(ctx))
	f.Conditions = seen(g.conditions(ctx))
	entries, err := g.Templates(ctx, f.Installations, "")
	f.Templates = append(entries, g.options.BuiltIn...)
	return err
}

// conditions are what the custom resources say of themselves.
func (g *gatherer) conditions(ctx context.Context) ([]Condition, error) {
	var all []Condition
	for _, kind := range []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind} {
		items, err := g.TemplateResources(ctx, kind, "")
		if err != nil {
			return all, err
		}
		for i := range items {
			all = append(all, conditionOf(&items[i]))
		}
	}
	return all, nil
}

func conditionOf(o *unstructured.Unstructured) Condition {
	c := Condition{Name: live.ResourceName(o)}
	observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	c.Behind = observed < o.GetGeneration()
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range list {
		if condition, ok := item.(map[string]any); ok && condition["type"] == "Ready" {
			c.Ready, _ = condition["status"].(string)
			c.Message, _ = condition["message"].(string)
		}
	}
	return c
}

// pods reads every pod of the cluster and how it stands.
func (g *gatherer) pods(ctx context.Context) {
	f := g.facts
	if f.Namespaces.Err != nil {
		f.Fleet.Err = f.Namespaces.Err
		return
	}
	set := templates.NewSet(f.Templates)
	inventory, err := g.Inventory(ctx, set, f.installation().Settings.Settings(), f.Namespaces.Value, "")
	f.Fleet.Err = err
	if err == nil {
		f.Fleet.Value = inventory.Workloads()
	}
}

// may asks for a right of the user's own.
func (g *gatherer) may(ctx context.Context, namespace, verb, group, resource string) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: resource},
	}}
	review, err := g.Client().AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// maxTrials bounds how many namespaces are tried for their limits.
const maxTrials = 25

// trials creates pods by dry run: one to see that sidecars come, and one in each
// enabled namespace to see that they are let in.
func (g *gatherer) trials(ctx context.Context) {
	f := g.facts
	template := g.plainTemplate()
	if template == "" {
		return
	}
	var enabled []string
	for _, n := range f.enabled() {
		enabled = append(enabled, n.Name)
	}
	namespace := g.options.Namespace
	switch {
	case namespace != "":
	case len(enabled) > 0:
		namespace = enabled[0]
	default:
		namespace = metav1.NamespaceDefault
	}
	f.Trial = seen(g.trial(ctx, namespace, template, slices.Contains(enabled, namespace)))
	if f.Trial.Value == nil || !f.Trial.Value.Injected && f.Trial.Value.Cause != CauseNone {
		return // nothing would be learned elsewhere
	}
	for i, name := range enabled {
		if i == maxTrials || f.Limits.Err != nil {
			return
		}
		f.Limits.Err = g.limits(ctx, name, template)
	}
}

// plainTemplate is one that a pod may ask for without giving parameters; "" if there is none.
func (g *gatherer) plainTemplate() string {
	set := templates.NewSet(g.facts.Templates)
	for _, e := range set.Entries() {
		if e.Broken() || e.Template == nil || e.Kind != v1alpha1.ClusterSidecarTemplateKind || len(e.Template.Spec.Parameters) > 0 && slices.ContainsFunc(e.Template.Spec.Parameters, func(p v1alpha1.Parameter) bool { return p.Required }) {
			continue
		}
		if inForce, ok := set.Lookup("", e.Name); ok && inForce.Template == e.Template && e.Template.Spec.Match == nil {
			return e.Name
		}
	}
	return ""
}

// dryPod is a pod that every level of Pod Security and most quotas admit.
func dryPod(template string, labelled bool) *corev1.Pod {
	no, yes := false, true
	id := int64(65532)
	small := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sidecar-injector-check-", Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &id, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "app", Image: "registry.k8s.io/pause:3.10",
				Resources:       corev1.ResourceRequirements{Requests: small, Limits: small},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
	if template != "" {
		pod.Annotations[inject.RequestAnnotation] = template
	}
	if labelled {
		pod.Labels[inject.InjectionLabel] = "enabled"
	}
	return pod
}

// dryRun creates a pod by dry run.
func (g *gatherer) dryRun(ctx context.Context, namespace string, pod *corev1.Pod) (*corev1.Pod, []string, error) {
	body, err := json.Marshal(pod)
	if err != nil {
		return nil, nil, err
	}
	result := g.Client().CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").
		Param("dryRun", metav1.DryRunAll).SetHeader("Content-Type", "application/json").Body(body).Do(ctx)
	var warnings []string
	for _, w := range result.Warnings() {
		warnings = append(warnings, w.Text)
	}
	created := &corev1.Pod{}
	return created, warnings, result.Into(created)
}

// trial asks for a sidecar and sees what comes back.
func (g *gatherer) trial(ctx context.Context, namespace, template string, enabled bool) (*Trial, error) {
	if err := g.mayCreatePods(ctx, namespace); err != nil {
		return nil, err
	}
	t := &Trial{Namespace: namespace}
	created, warnings, err := g.dryRun(ctx, namespace, dryPod(template, !enabled))
	t.Warnings = warnings
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		t.Injected = created.Annotations[inject.StatusAnnotation] != ""
		if !t.Injected {
			t.Reached = seen(g.reach(ctx))
		}
		return t, nil
	case !errors.As(err, &status):
		return nil, err
	}
	t.Message = status.Status().Message
	if failedCall(t.Message) {
		t.Cause = readCause(t.Message)
	}
	return t, nil
}

// mayCreatePods is an error that says that the user may not.
func (g *gatherer) mayCreatePods(ctx context.Context, namespace string) error {
	may, err := g.may(ctx, namespace, "create", "", "pods")
	if err != nil {
		return err
	}
	if !may {
		return apierrors.NewForbidden(corev1.Resource("pods"), "", fmt.Errorf("no right to create pods in namespace %s", namespace))
	}
	return nil
}

// reach lets the API server itself call the Service, which tells whether a network lies
// between them; certificates are not looked at then.
func (g *gatherer) reach(ctx context.Context) (Cause, error) {
	i := g.facts.installation()
	if i.Namespace == "" {
		return CauseNone, fmt.Errorf("the injector is called by URL")
	}
	_, err := g.Client().CoreV1().Services(i.Namespace).ProxyGet("https", i.Name, fmt.Sprint(calledPort(g.facts)), "/", nil).DoRaw(ctx)
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return CauseNone, nil
	case !errors.As(err, &status) || live.Denied(err):
		return CauseNone, err
	case strings.Contains(status.Status().Message, "error trying to reach service"), apierrors.IsNotFound(err), apierrors.IsServiceUnavailable(err):
		if c := readCause(err.Error()); c != CauseOther && c != CauseAnswer {
			return c, nil
		}
	}
	return CauseNone, nil // the injector answers GET / with an error of its own
}

// limits compares a pod with a sidecar to one without.
func (g *gatherer) limits(ctx context.Context, namespace, template string) error {
	f := g.facts
	if err := g.mayCreatePods(ctx, namespace); err != nil {
		return err
	}
	_, _, with := g.dryRun(ctx, namespace, dryPod(template, false))
	if with == nil {
		return nil
	}
	plain := dryPod("", false)
	plain.Labels[inject.InjectionLabel] = "disabled"
	_, _, without := g.dryRun(ctx, namespace, plain)
	status := apierrors.APIStatus(nil)
	if !errors.As(with, &status) {
		return with
	}
	message := status.Status().Message
	if _, denied := denial(message); denied || failedCall(message) {
		return nil // the round trip tells of it
	}
	if without != nil {
		return nil // it admits nothing that this program would dare to make up
	}
	f.Limits.Value = append(f.Limits.Value, Refusal{Namespace: namespace, Template: template, Message: message})
	return nil
}
