package doctor

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// The entries of the mutating webhook configuration.
const (
	entryNamespaces = "namespaces." + inject.Domain
	entryPods       = "pods." + inject.Domain
)

// restore returns the command that restores a webhook configuration.
func restore(name string) string {
	return fmt.Sprintf("helm upgrade %s … puts the chart's own back", name)
}

func webhookEntries(f *Facts) []Finding {
	var found []Finding
	for _, c := range f.ours() {
		for _, entry := range []struct{ name, who string }{
			{entryNamespaces, "pods of enabled namespaces are not sent to the injector"},
			{entryPods, "pods with the label in other namespaces are not sent to the injector"},
		} {
			i := slices.IndexFunc(c.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return w.Name == entry.name })
			switch {
			case i < 0:
				found = append(found, failure(fmt.Sprintf("webhook configuration %s has no entry %s", c.Name, entry.name), entry.who, restore(c.Name)))
			case !createsPods(c.Webhooks[i].Rules):
				found = append(found, failure(fmt.Sprintf("entry %s has no rule for CREATE of pods", entry.name), entry.who, restore(c.Name)))
			}
		}
	}
	if len(found) == 0 && len(f.ours()) > 0 {
		return ok("the webhook configuration has both entries")
	}
	return found
}

func createsPods(rules []admissionregistrationv1.RuleWithOperations) bool {
	has := func(list []string, value string) bool {
		return slices.Contains(list, value) || slices.Contains(list, "*")
	}
	return slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		create := slices.Contains(r.Operations, admissionregistrationv1.Create) || slices.Contains(r.Operations, admissionregistrationv1.OperationAll)
		return create && has(r.APIGroups, "") && has(r.APIVersions, "v1") && (has(r.Resources, "pods") || slices.Contains(r.Resources, "*/*"))
	})
}

// longTimeout is the webhook timeout, in seconds, above which a warning is given.
const longTimeout = 10

func webhookPolicy(f *Facts) []Finding {
	var found []Finding
	policies := map[string]bool{}
	for _, w := range f.hooks() {
		if p := w.FailurePolicy; p != nil {
			policies[string(*p)] = true
		}
		if t := w.TimeoutSeconds; t != nil && *t > longTimeout {
			found = append(found, warning(fmt.Sprintf("entry %s waits up to %d s", w.Name, *t),
				"while the injector cannot be reached, every pod of an enabled namespace waits that long", "set webhook.timeoutSeconds: 5 in the chart's values"))
		}
	}
	switch {
	case policies["Ignore"]:
		found = append(found, warning("the failurePolicy is Ignore",
			"while the injector cannot be reached, pods are created without their sidecars, and nobody is told but by the chart's guard; pods-missed counts them",
			"set webhook.failurePolicy: Fail in the chart's values where a sidecar must not be missed, or guard: Warn or Deny"))
	case len(found) == 0 && len(policies) > 0:
		return ok("the failurePolicy is Fail: no pod goes without its sidecars unnoticed")
	}
	return found
}

func webhookSelectors(f *Facts) []Finding {
	var found []Finding
	for _, c := range f.ours() {
		for _, w := range c.Webhooks {
			if w.Name == entryNamespaces || w.Name == entryPods {
				found = append(found, selectorFindings(f, c.Name, &w)...)
			}
		}
	}
	if len(found) == 0 && len(f.ours()) > 0 {
		return ok("the selectors leave out system namespaces and the injector's own")
	}
	return found
}

// selectorFindings evaluates an entry's selectors on made-up namespaces and pods.
func selectorFindings(f *Facts, configuration string, w *admissionregistrationv1.MutatingWebhook) []Finding {
	namespaces, err := metav1.LabelSelectorAsSelector(w.NamespaceSelector)
	if err != nil || w.NamespaceSelector == nil {
		namespaces = labels.Everything()
	}
	pods, err := metav1.LabelSelectorAsSelector(w.ObjectSelector)
	if err != nil || w.ObjectSelector == nil {
		pods = labels.Everything()
	}
	enabled := labels.Set{inject.InjectionLabel: "enabled"}
	// The label that makes the entry match is on the namespace or on the pod.
	onNamespace, onPod := enabled, labels.Set{}
	if w.Name == entryPods {
		onNamespace, onPod = labels.Set{}, enabled
	}
	var found []Finding
	kept := inject.SystemNamespaces()
	if own := f.installation().Namespace; own != "" && !slices.Contains(kept, own) {
		kept = append(kept, own)
	}
	var asked []string
	for _, name := range kept {
		if namespaces.Matches(labels.Merge(onNamespace, labels.Set{corev1.LabelMetadataName: name})) && pods.Matches(onPod) {
			asked = append(asked, name)
		}
	}
	if len(asked) > 0 {
		found = append(found, failure(
			fmt.Sprintf("entry %s of webhook configuration %s is asked about namespace %s", w.Name, configuration, strings.Join(asked, ", ")),
			"when the injector is down, the cluster's own pods, and its own, wait for it: nothing can start again",
			restore(configuration)))
	}
	everywhere := labels.Set{corev1.LabelMetadataName: "any-other"}
	if !namespaces.Matches(labels.Merge(onNamespace, everywhere)) || !pods.Matches(onPod) {
		found = append(found, warning(
			fmt.Sprintf("entry %s of webhook configuration %s is not asked about every namespace or pod that is enabled", w.Name, configuration),
			"its selectors demand more than the label "+inject.InjectionLabel+": others are left without sidecars",
			"if nobody meant that with webhook.namespaceSelector or webhook.objectSelector in the chart's values, "+restore(configuration)))
	}
	if pods.Matches(labels.Merge(onPod, labels.Set{inject.InjectionLabel: "disabled"})) {
		found = append(found, warning(
			fmt.Sprintf("entry %s of webhook configuration %s is asked about pods that say disabled", w.Name, configuration),
			"a pod can no longer keep the injector out when it is down", restore(configuration)))
	}
	return found
}

func webhookReinvocation(f *Facts) []Finding {
	var found []Finding
	for _, c := range f.ours() {
		var never []string
		for _, w := range c.Webhooks {
			if p := w.ReinvocationPolicy; p == nil || *p == admissionregistrationv1.NeverReinvocationPolicy {
				never = append(never, w.Name)
			}
		}
		if len(never) == 0 {
			continue
		}
		later := laterWebhooks(f, c.Name)
		cause := "a webhook that runs after the injector and changes the sidecars is never put right"
		if len(later) > 0 {
			cause += "; after it come " + strings.Join(later, ", ")
		}
		found = append(found, warning(fmt.Sprintf("reinvocationPolicy of %s is Never", strings.Join(never, ", ")), cause,
			"set webhook.reinvocationPolicy: IfNeeded in the chart's values"))
	}
	if len(found) == 0 && len(f.ours()) > 0 {
		return ok("the injector is asked again when another webhook changes the pod")
	}
	return found
}

// laterWebhooks returns the configurations with webhooks for pods that the API server calls after this one:
// it calls them in the order of their names.
func laterWebhooks(f *Facts, name string) []string {
	var later []string
	for _, c := range f.Mutating.Value {
		if c.Name > name && slices.ContainsFunc(c.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return createsPods(w.Rules) }) {
			later = append(later, c.Name)
		}
	}
	return later
}

func advice(f *Facts) []Finding {
	if f.Validating.Err != nil {
		return unseen("the validating webhook", "list validatingwebhookconfigurations", f.Validating.Err)
	}
	name := f.installation().Name
	c := f.validating()
	if c == nil {
		return []Finding{warning(fmt.Sprintf("validating webhook configuration %s does not exist", name),
			"faults of templates and workloads are not told at kubectl apply", restore(name))}
	}
	for _, path := range []string{webhook.TemplatesPath, webhook.AdvicePath} {
		if !slices.ContainsFunc(c.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool { return calls(&w.ClientConfig, path) }) {
			return []Finding{warning(fmt.Sprintf("no entry of validating webhook configuration %s calls %s", name, path),
				"some of the faults of templates and workloads are not told at kubectl apply", restore(name))}
		}
	}
	for _, w := range c.Webhooks {
		if w.FailurePolicy == nil || *w.FailurePolicy != admissionregistrationv1.Ignore {
			return []Finding{failure(fmt.Sprintf("entry %s has failurePolicy Fail", w.Name),
				"it only ever warns or checks templates, and now stands in everybody's way while the injector is down", restore(name))}
		}
	}
	return ok("faults are told at kubectl apply")
}

// calls reports whether a webhook is called at a path.
func calls(client *admissionregistrationv1.WebhookClientConfig, path string) bool {
	if client.Service != nil {
		return client.Service.Path != nil && *client.Service.Path == path
	}
	return client.URL != nil && strings.HasSuffix(*client.URL, path)
}
