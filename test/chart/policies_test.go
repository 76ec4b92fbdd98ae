package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/keeper"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// policies returns the names of the rendered policies, each with the action of its binding.
func policies(t *testing.T, r *rendering) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, binding := range all[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](r) {
		var actions []string
		for _, action := range binding.Spec.ValidationActions {
			actions = append(actions, string(action))
		}
		policy := named[*admissionregistrationv1.ValidatingAdmissionPolicy](t, r, binding.Spec.PolicyName)
		found[policy.Name] = string(*policy.Spec.FailurePolicy) + ": " + strings.Join(actions, ", ")
	}
	if n := len(all[*admissionregistrationv1.ValidatingAdmissionPolicy](r)); n != len(found) {
		t.Errorf("%d policies, of which %d have a binding", n, len(found))
	}
	return found
}

func TestTheGuardIsOffUnlessItIsAskedFor(t *testing.T) {
	always := map[string]string{release + "-own-webhooks": "Fail: Deny", release + "-events": "Fail: Deny"}
	with := func(guard string) map[string]string {
		return map[string]string{release + "-own-webhooks": "Fail: Deny", release + "-events": "Fail: Deny", release + "-guard": guard}
	}
	for values, want := range map[string]map[string]string{
		"{}":            always,
		`guard: "Off"`:  always,
		"guard: Off":    always, // which is false in YAML 1.1
		"guard: Warn":   with("Ignore: Warn, Audit"),
		"guard: Deny":   with("Fail: Deny"),
		`guard: "Deny"`: with("Fail: Deny"),
	} {
		file := filepath.Join(t.TempDir(), "values.yaml")
		must(t, os.WriteFile(file, []byte(values), 0o600))
		if diff := cmp.Diff(want, policies(t, render(t, "--values", file))); diff != "" {
			t.Errorf("%s (-want +rendered):\n%s", values, diff)
		}
	}
}

func TestBeforeKubernetes130ThereAreNoPoliciesAndNoGuard(t *testing.T) {
	if found := policies(t, render(t, "--kube-version", "1.29.14")); len(found) > 0 {
		t.Errorf("policies that Kubernetes 1.29 does not know: %v", found)
	}
	if found := policies(t, render(t, "--kube-version", "1.30.0-gke.100")); len(found) != 2 {
		t.Errorf("policies of a managed cluster: %v", found)
	}
	_, err := template(t, "--kube-version", "1.29.14", "--set", "guard=Warn")
	if err == nil || !strings.Contains(err.Error(), "guard: Warn needs ValidatingAdmissionPolicy, which Kubernetes v1.29.14 does not have and 1.30 has: set it to Off") {
		t.Errorf("guard=Warn on Kubernetes 1.29: %v", err)
	}
}

// TestTheGuardLooksAtThePodsThatAreSent compares the guard's selectors and conditions with the webhook's,
// with and without the user's own.
func TestTheGuardLooksAtThePodsThatAreSent(t *testing.T) {
	for _, values := range []string{"ci/default-values.yaml", "ci/webhook-values.yaml"} {
		r := render(t, "--values", filepath.Join(directory, values), "--set", "guard=Deny")
		guard := named[*admissionregistrationv1.ValidatingAdmissionPolicy](t, r, release+"-guard").Spec
		for _, w := range named[*admissionregistrationv1.MutatingWebhookConfiguration](t, r, release).Webhooks {
			if diff := cmp.Diff(withoutOptIn(w.NamespaceSelector), withoutOptIn(guard.MatchConstraints.NamespaceSelector)); diff != "" {
				t.Errorf("%s: namespaces (-%s +guard):\n%s", values, w.Name, diff)
			}
			if diff := cmp.Diff(withoutOptIn(w.ObjectSelector), withoutOptIn(guard.MatchConstraints.ObjectSelector)); diff != "" {
				t.Errorf("%s: pods (-%s +guard):\n%s", values, w.Name, diff)
			}
			if diff := cmp.Diff(w.MatchConditions, guard.MatchConditions); diff != "" {
				t.Errorf("%s: conditions (-%s +guard):\n%s", values, w.Name, diff)
			}
			if diff := cmp.Diff(w.Rules, []admissionregistrationv1.RuleWithOperations{guard.MatchConstraints.ResourceRules[0].RuleWithOperations}); diff != "" {
				t.Errorf("%s: rules (-%s +guard):\n%s", values, w.Name, diff)
			}
		}
		checkLeavesOut(t, "the guard", guard.MatchConstraints.NamespaceSelector)
	}
}

// withoutOptIn removes the opt-in label, in which the webhook's entries differ and which the guard checks in
// its expressions.
func withoutOptIn(selector *metav1.LabelSelector) *metav1.LabelSelector {
	rest := selector.DeepCopy()
	rest.MatchExpressions = slices.DeleteFunc(rest.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
		return r.Key == inject.InjectionLabel
	})
	return rest
}

// TestEventsMayHaveTheReasonsOfTheClosedList: an event with a reason that is not in the policy would be
// refused and lost.
func TestEventsMayHaveTheReasonsOfTheClosedList(t *testing.T) {
	wanted := []string{"Injected", keeper.PauseReason(keeper.Repair), keeper.PauseReason(keeper.Rollout)}
	for _, info := range inject.Reasons() {
		complains := slices.ContainsFunc(info.Outcomes, func(o inject.Outcome) bool {
			return o == inject.Skipped || o == inject.AdmittedWithout || o == inject.Refused
		})
		// A reason whose only outcome is an injected sidecar is not used for events.
		if complains && !slices.Contains(info.Outcomes, inject.Injected) {
			wanted = append(wanted, string(info.Reason))
		}
	}
	policy := named[*admissionregistrationv1.ValidatingAdmissionPolicy](t, render(t), release+"-events")
	list := `["` + strings.Join(wanted, `","`) + `"]`
	for _, v := range policy.Spec.Validations {
		if strings.HasSuffix(v.Expression, " in "+list+")") {
			return
		}
	}
	t.Errorf("no validation of the policy on events has the reasons %s; they stand in templates/policies.yaml", list)
}
