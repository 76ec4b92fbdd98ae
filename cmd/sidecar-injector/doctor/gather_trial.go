package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// maxTrials is the largest number of namespaces whose limits are tried.
const maxTrials = 25

// trials creates pods by dry run: one to check that it is injected, and one in each enabled namespace to
// check that it is admitted with a sidecar.
func (g *gatherer) trials(ctx context.Context) {
	f := g.facts
	plain := g.plainTemplates()
	if len(plain) == 0 {
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
	f.Trial = seen(g.trial(ctx, namespace, plain[0], slices.Contains(enabled, namespace)))
	if f.Trial.Value == nil || !f.Trial.Value.Injected && f.Trial.Value.Cause != CauseNone {
		return // other namespaces would give the same result
	}
	tried := 0
	for _, n := range f.enabled() {
		if tried == maxTrials {
			return
		}
		if g.options.Namespace != "" && n.Name != g.options.Namespace {
			continue
		}
		tried++
		for _, name := range used(f, n, plain) {
			if f.Limits.Err = g.limits(ctx, n.Name, name); f.Limits.Err != nil {
				return
			}
		}
	}
}

// maxUsed is the largest number of templates that are tried in one namespace.
const maxUsed = 3

// used returns the templates that a namespace uses, as far as they are among plain; the first of plain if
// it uses none.
func used(f *Facts, n inject.Namespace, plain []string) []string {
	var list []string
	add := func(name string) {
		if slices.Contains(plain, name) && !slices.Contains(list, name) && len(list) < maxUsed {
			list = append(list, name)
		}
	}
	for _, part := range strings.Split(n.Annotations[inject.RequestAnnotation], ",") {
		if _, template, named := strings.Cut(part, "="); named {
			part = template
		}
		add(strings.TrimSpace(part))
	}
	for _, w := range f.Fleet.Value {
		if w.Namespace != n.Name {
			continue
		}
		for _, template := range slices.Sorted(maps.Keys(w.Templates)) {
			add(template)
		}
	}
	if len(list) == 0 {
		return plain[:1]
	}
	return list
}

// plainTemplates returns the templates that a pod of any namespace may request without parameters. The
// built-in ones come first, because only a new release of the injector changes them.
func (g *gatherer) plainTemplates() []string {
	set := templates.NewSet(g.facts.Templates)
	var builtIn, others []string
	for _, e := range set.Entries() {
		inForce, ok := set.Lookup("", e.Name)
		switch {
		case e.Broken() || !ok || inForce.Template != e.Template || e.Template.Spec.Match != nil:
		case slices.ContainsFunc(e.Template.Spec.Parameters, func(p v1alpha1.Parameter) bool { return p.Required }):
		case e.Origin.Source == templates.SourceBuiltIn:
			builtIn = append(builtIn, e.Name)
		default:
			others = append(others, e.Name)
		}
	}
	return append(builtIn, others...)
}

// dryPod returns a pod that every level of Pod Security and most quotas admit.
func dryPod(template string, labelled bool) *corev1.Pod {
	small := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sidecar-injector-check-", Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "app", Image: "registry.k8s.io/pause:3.10",
				Resources:       corev1.ResourceRequirements{Requests: small, Limits: small},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
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

// dryRun creates a pod by dry run, and returns the result with the warnings.
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

// trial creates a pod with a request for a sidecar by dry run, and records the result.
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
	case !errors.As(err, &status), unanswered(err):
		return nil, err
	}
	t.Message = status.Status().Message
	if t.Guarded = guarded(t.Message, g.facts.installation().Name); t.Guarded {
		t.Reached = seen(g.reach(ctx))
	}
	if failedCall(t.Message) {
		t.Cause = readCause(t.Message)
	}
	return t, nil
}

// unanswered reports whether an error of the API server says nothing about the pod that was to be created. A
// webhook that could not be called does.
func unanswered(err error) bool {
	sentence, _ := live.Meaning(err)
	return sentence != "" && !strings.Contains(err.Error(), "failed calling webhook")
}

// mayCreatePods returns a Forbidden error if the user may not create pods.
func (g *gatherer) mayCreatePods(ctx context.Context, namespace string) error {
	may, err := g.May(ctx, &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Resource: "pods"})
	if err != nil {
		return err
	}
	if !may {
		return apierrors.NewForbidden(corev1.Resource("pods"), "", fmt.Errorf("no right to create pods in namespace %s", namespace))
	}
	return nil
}

// reachTimeout bounds the API server's request to the Service.
const reachTimeout = 5 * time.Second

// reach sends a request to the Service through the API server, which shows whether the network allows that.
// Certificates are not verified.
func (g *gatherer) reach(ctx context.Context) (Cause, error) {
	i := g.facts.installation()
	if i.Namespace == "" {
		return CauseNone, fmt.Errorf("the injector is called by URL")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	err := g.Client().CoreV1().RESTClient().Get().Namespace(i.Namespace).Resource("services").SubResource("proxy").
		Name(fmt.Sprintf("https:%s:%d", i.Name, calledPort(g.facts))).MaxRetries(0).
		SetHeader("Accept", "application/json").Do(ctx).Error()
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return CauseNone, nil
	case errors.Is(err, context.DeadlineExceeded):
		return CauseTimeout, nil
	case !errors.As(err, &status) || live.Denied(err):
		return CauseNone, err
	case apierrors.IsNotFound(err) && g.facts.Service.Value != nil:
		return CauseNoEndpoints, nil // up to 1.34 the proxy reads the Endpoints object, and its error names the Service
	case apierrors.IsNotFound(err):
		return CauseNoService, nil
	case strings.Contains(status.Status().Message, "error trying to reach service"), apierrors.IsServiceUnavailable(err):
		if c := readCause(err.Error()); c != CauseOther && c != CauseAnswer {
			return c, nil
		}
	}
	return CauseNone, nil // the injector responds to GET / with an error, which proves that it was reached
}

// limits records a Refusal if the namespace rejects a pod with a sidecar but admits one without.
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
	if !errors.As(with, &status) || unanswered(with) {
		return with
	}
	message := status.Status().Message
	if _, denied := denial(message); denied || failedCall(message) || guarded(message, f.installation().Name) {
		return nil // reported by the check round-trip
	}
	if without != nil {
		return nil // it does not admit the pod without a sidecar either
	}
	f.Limits.Value = append(f.Limits.Value, Refusal{Namespace: namespace, Template: template, Message: message})
	return nil
}
