//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// asInjector returns a client with the service account of the installed chart and all its rights.
func asInjector(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", accountKubeconfig(t, releaseName))
	must(t, err)
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	return client
}

// TestThePoliciesFitTheTypesThatTheyLookAt reads the result of the controller that type-checks expressions: a
// misspelt field would otherwise be an error only when a pod is created.
func TestThePoliciesFitTheTypesThatTheyLookAt(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	installChart(t, "--set", "guard=Deny,keeper.enabled=true,keeper.repair=true")
	for _, name := range []string{"guard", "own-webhooks", "events", "keeper"} {
		err := eventually(t.Context(), patience, func(ctx context.Context) error {
			policy, err := suite.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(ctx, releaseName+"-"+name, metav1.GetOptions{})
			switch {
			case err != nil:
				return err
			case policy.Status.ObservedGeneration != policy.Generation || policy.Status.TypeChecking == nil:
				return errors.New("not checked yet")
			}
			for _, w := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s: %s", name, w.FieldRef, w.Warning)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// patchOfConfiguration is an attempt to change one of the two webhook configurations.
type patchOfConfiguration struct {
	kind    types.PatchType
	patch   string
	allowed bool
}

// TestTheInjectorsAccountMayChangeNothingButBundles uses the service account's token like a thief would. RBAC
// alone would allow each of the patches.
func TestTheInjectorsAccountMayChangeNothingButBundles(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	installChart(t)
	thief := asInjector(t)
	const mutating, validating = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
	try := func(ctx context.Context, resource string, p patchOfConfiguration) error {
		request := thief.AdmissionregistrationV1().RESTClient().Patch(p.kind).Resource(resource).Name(releaseName).Body([]byte(p.patch)).Param("dryRun", "All")
		if p.kind == types.ApplyPatchType {
			request.Param("fieldManager", "thief").Param("force", "true")
		}
		return request.Do(ctx).Error()
	}
	const operations, strategic = types.JSONPatchType, types.StrategicMergePatchType
	entry := func(name, fields string) string {
		return `{"webhooks":[{"name":"` + name + `.sidecar-injector.dev",` + fields + `}]}`
	}
	bundle := `"clientConfig":{"caBundle":"` + "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=" + `"}`
	everything := `"rules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*/*"],"scope":"*"}]`
	cases := map[string]struct {
		resource string
		patchOfConfiguration
	}{
		"rules of everything":              {mutating, patchOfConfiguration{strategic, entry("pods", everything), false}},
		"rules of everything, advice":      {validating, patchOfConfiguration{strategic, entry("asking", everything), false}},
		"rules beside a bundle":            {mutating, patchOfConfiguration{strategic, entry("pods", bundle+","+everything), false}},
		"rules by server-side apply":       {mutating, patchOfConfiguration{types.ApplyPatchType, `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration",` + entry("pods", everything)[1:], false}},
		"namespaceSelector":                {mutating, patchOfConfiguration{strategic, entry("namespaces", `"namespaceSelector":null`), false}},
		"objectSelector":                   {mutating, patchOfConfiguration{strategic, entry("namespaces", `"objectSelector":null`), false}},
		"matchConditions":                  {mutating, patchOfConfiguration{strategic, entry("namespaces", `"matchConditions":[{"name":"none","expression":"false"}]`), false}},
		"no matchConditions":               {mutating, patchOfConfiguration{operations, `[{"op":"remove","path":"/webhooks/0/matchConditions"}]`, false}},
		"failurePolicy":                    {mutating, patchOfConfiguration{strategic, entry("namespaces", `"failurePolicy":"Ignore"`), false}},
		"failurePolicy of the other":       {validating, patchOfConfiguration{strategic, entry("templates", `"failurePolicy":"Fail"`), false}},
		"sideEffects":                      {mutating, patchOfConfiguration{strategic, entry("namespaces", `"sideEffects":"None"`), false}},
		"timeoutSeconds":                   {mutating, patchOfConfiguration{strategic, entry("namespaces", `"timeoutSeconds":30`), false}},
		"reinvocationPolicy":               {mutating, patchOfConfiguration{strategic, entry("namespaces", `"reinvocationPolicy":"Never"`), false}},
		"matchPolicy":                      {mutating, patchOfConfiguration{strategic, entry("namespaces", `"matchPolicy":"Exact"`), false}},
		"admissionReviewVersions":          {mutating, patchOfConfiguration{strategic, entry("namespaces", `"admissionReviewVersions":["v1","v1beta1"]`), false}},
		"address of another":               {mutating, patchOfConfiguration{strategic, entry("namespaces", `"clientConfig":{"service":null,"url":"https://example.com/mutate"}`), false}},
		"another Service":                  {mutating, patchOfConfiguration{strategic, entry("namespaces", `"clientConfig":{"service":{"namespace":"default"}}`), false}},
		"another path":                     {mutating, patchOfConfiguration{strategic, entry("namespaces", `"clientConfig":{"service":{"path":"/other"}}`), false}},
		"no path":                          {mutating, patchOfConfiguration{strategic, entry("namespaces", `"clientConfig":{"service":{"path":null}}`), false}},
		"an entry more":                    {mutating, patchOfConfiguration{strategic, entry("more", `"clientConfig":{"url":"https://example.com"},"sideEffects":"None","admissionReviewVersions":["v1"],`+everything), false}},
		"an entry less":                    {mutating, patchOfConfiguration{operations, `[{"op":"remove","path":"/webhooks/1"}]`, false}},
		"no entries":                       {validating, patchOfConfiguration{operations, `[{"op":"remove","path":"/webhooks"}]`, false}},
		"an entry of another name":         {mutating, patchOfConfiguration{operations, `[{"op":"replace","path":"/webhooks/1/name","value":"others.sidecar-injector.dev"}]`, false}},
		"labels":                           {mutating, patchOfConfiguration{strategic, `{"metadata":{"labels":{"team":"thieves"}}}`, false}},
		"no labels":                        {mutating, patchOfConfiguration{strategic, `{"metadata":{"labels":null}}`, false}},
		"annotations":                      {validating, patchOfConfiguration{strategic, `{"metadata":{"annotations":{"cert-manager.io/inject-ca-from":"a/b"}}}`, false}},
		"finalizers":                       {mutating, patchOfConfiguration{strategic, `{"metadata":{"finalizers":["example.com/stays"]}}`, false}},
		"ownerReferences":                  {mutating, patchOfConfiguration{strategic, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"default","uid":"1"}]}}`, false}},
		"one bundle":                       {mutating, patchOfConfiguration{strategic, entry("pods", bundle), true}},
		"one bundle of the other":          {validating, patchOfConfiguration{strategic, entry("asking", bundle), true}},
		"one bundle by server-side apply":  {mutating, patchOfConfiguration{types.ApplyPatchType, `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration",` + entry("pods", bundle)[1:], true}},
		"a bundle, without one":            {mutating, patchOfConfiguration{strategic, entry("pods", `"clientConfig":{"caBundle":null}`), true}},
		"nothing at all":                   {mutating, patchOfConfiguration{strategic, `{}`, true}},
		"its place in the list of entries": {mutating, patchOfConfiguration{operations, `[{"op":"move","from":"/webhooks/1","path":"/webhooks/0"}]`, true}},
	}
	inForce := func(ctx context.Context) error {
		for _, resource := range []string{mutating, validating} {
			if err := try(ctx, resource, patchOfConfiguration{strategic, `{"metadata":{"labels":{"team":"thieves"}}}`, false}); err == nil {
				return errors.New("the policy is not in force")
			}
		}
		return nil
	}
	must(t, eventually(t.Context(), patience, inForce))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := try(t.Context(), c.resource, c.patchOfConfiguration)
			switch {
			case c.allowed && err != nil:
				t.Errorf("refused: %v", err)
			case !c.allowed && (err == nil || !strings.Contains(err.Error(), "nothing else of them")):
				t.Errorf("want a refusal by the policy, got %v", err)
			}
		})
	}
	t.Run("others may go on", func(t *testing.T) {
		_, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(t.Context(), releaseName, strategic,
			[]byte(entry("namespaces", everything)), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestTheInjectorsAccountMayWriteOnlyItsOwnEvents uses the token in the same way.
func TestTheInjectorsAccountMayWriteOnlyItsOwnEvents(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	installChart(t)
	thief := asInjector(t)
	enabled := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
	unlabelled := newNamespace(t, nil, nil)
	disabled := newNamespace(t, map[string]string{injectionLabel: "disabled"}, nil)
	event := func(namespace string, change func(e *corev1.Event)) *corev1.Event {
		e := &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{GenerateName: "web-", Namespace: namespace},
			InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Namespace: namespace, UID: "4711"},
			Source:         corev1.EventSource{Component: "sidecar-injector", Host: "one"}, ReportingController: "sidecar-injector", ReportingInstance: "one",
			Type: corev1.EventTypeWarning, Reason: "UnknownTemplate", Message: "the pod is refused", Count: 1,
		}
		if change != nil {
			change(e)
		}
		return e
	}
	cases := map[string]struct {
		namespace string
		change    func(e *corev1.Event)
		refused   string // a part of the refusal's message; "" if it is allowed
	}{
		"in an opted-in namespace":     {enabled, nil, ""},
		"in one whose pods may opt in": {unlabelled, nil, ""},
		"of an injection":              {enabled, func(e *corev1.Event) { e.Type, e.Reason = corev1.EventTypeNormal, "Injected" }, ""},
		"in a disabled namespace":      {disabled, nil, "no pod of it is sent"},
		"in a system namespace":        {"kube-system", nil, "no pod of it is sent"},
		"in its own":                   {releaseName, nil, "no pod of it is sent"},
		"of another's reason":          {enabled, func(e *corev1.Event) { e.Reason = "Killing" }, "own reasons only"},
		"of no reason":                 {enabled, func(e *corev1.Event) { e.Reason = "" }, "own reasons only"},
		"in another's name":            {enabled, func(e *corev1.Event) { e.Source.Component = "kubelet" }, "own name only"},
		"reported by another":          {enabled, func(e *corev1.Event) { e.ReportingController = "kubelet" }, "own name only"},
		"in nobody's name":             {enabled, func(e *corev1.Event) { e.Source, e.ReportingController = corev1.EventSource{}, "" }, "own name only"},
		"on a node":                    {"default", func(e *corev1.Event) { e.InvolvedObject = corev1.ObjectReference{Kind: "Node", Name: "node"} }, "own namespace only"},
	}
	client := thief.CoreV1().RESTClient()
	post := func(ctx context.Context, e *corev1.Event) error {
		return client.Post().Namespace(e.Namespace).Resource("events").Param("dryRun", "All").Body(e).Do(ctx).Error()
	}
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		if err := post(ctx, event("kube-system", nil)); err == nil || !strings.Contains(err.Error(), "denied request") {
			return fmt.Errorf("the policy is not in force: %w", err)
		}
		return nil
	}))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := post(t.Context(), event(c.namespace, c.change))
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("want a refusal that says %q, got %v", c.refused, err)
			}
		})
	}

	own, err := suite.client.CoreV1().Events(enabled).Create(t.Context(), event(enabled, nil), metav1.CreateOptions{})
	must(t, err)
	other, err := suite.client.CoreV1().Events(enabled).Create(t.Context(), event(enabled, func(e *corev1.Event) {
		e.Source.Component, e.ReportingController, e.Reason = "kubelet", "kubelet", "Killing"
	}), metav1.CreateOptions{})
	must(t, err)
	for name, c := range map[string]struct {
		event, patch string
		refused      bool
	}{
		"counts up its own":       {own.Name, `{"count":2}`, false},
		"makes its own another's": {own.Name, `{"reason":"Killing"}`, true},
		"counts up another's":     {other.Name, `{"count":2}`, true},
		"makes another's its own": {other.Name, `{"reason":"Injected","source":{"component":"sidecar-injector"},"reportingComponent":"sidecar-injector"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := thief.CoreV1().Events(enabled).Patch(t.Context(), c.event, types.StrategicMergePatchType, []byte(c.patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
			if c.refused != (err != nil && strings.Contains(err.Error(), "denied request")) {
				t.Errorf("want it refused by the policy: %t, got %v", c.refused, err)
			}
		})
	}
}
