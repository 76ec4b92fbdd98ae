//go:build controlplane && latency

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// installPolicy installs a MutatingAdmissionPolicy that changes the Grafana pod as the injector does: before
// and after are the pod stored without and with it. It is what one would write manually for this one pod:
// without conditions, with constant paths.
func installPolicy(t *testing.T, before, after object) {
	t.Helper()
	expression := "[" + strings.Join(celOperations(before, after), ",\n") + "]"
	policies := suite.client.AdmissionregistrationV1()
	policy := &admissionregistration.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "latency"},
		Spec: admissionregistration.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistration.NeverReinvocationPolicy,
			FailurePolicy:      new(admissionregistration.Fail),
			MatchConstraints: &admissionregistration.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{wayLabel: "policy"}},
				ResourceRules: []admissionregistration.NamedRuleWithOperations{{RuleWithOperations: admissionregistration.RuleWithOperations{
					Operations: []admissionregistration.OperationType{admissionregistration.Create},
					Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistration.Mutation{{
				PatchType: admissionregistration.PatchTypeJSONPatch, JSONPatch: &admissionregistration.JSONPatch{Expression: expression},
			}},
		},
	}
	binding := &admissionregistration.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "latency"},
		Spec:       admissionregistration.MutatingAdmissionPolicyBindingSpec{PolicyName: "latency"},
	}
	if _, err := policies.MutatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatalf("%v; the expression is\n%s", err, expression)
	}
	if _, err := policies.MutatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(policies.MutatingAdmissionPolicyBindings().Delete(context.Background(), "latency", metav1.DeleteOptions{}),
			policies.MutatingAdmissionPolicies().Delete(context.Background(), "latency", metav1.DeleteOptions{}))
		if err != nil {
			t.Error(err)
		}
	})
	namespace := newNamespace(t, map[string]string{wayLabel: "policy", injectionLabel: "disabled"}, nil)
	createAccount(t, namespace, "grafana")
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		got, err := create(ctx, namespace, "Pod", grafanaPod(), "dryRun=All")
		if err == nil && len(containerNames(got.object, "initContainers")) == 0 {
			err = errors.New("the API server does not heed the policy yet")
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v; the expression is\n%s", err, expression)
	}
}

// celOperations returns the JSONPatch objects, in CEL, that turn before into after.
func celOperations(before, after object) []string {
	var operations []string
	add := func(path string, value any, kind string) {
		operations = append(operations, fmt.Sprintf("JSONPatch{op: \"add\", path: %s, value: %s}", strconv.Quote(path), celValue(value, kind)))
	}
	metadata, spec := after["metadata"].(object), after["spec"].(object)
	had := before["metadata"].(object)["annotations"].(object)
	for _, key := range sortedKeys(metadata["annotations"].(object)) {
		if _, there := had[key]; !there {
			escaped := strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
			add("/metadata/annotations/"+escaped, metadata["annotations"].(object)[key], "")
		}
	}
	init := withoutToken(spec["initContainers"].([]any))
	add("/spec/initContainers", init, "Object.spec.initContainers")
	app := spec["containers"].([]any)[0].(object)
	for _, m := range app["volumeMounts"].([]any) {
		if mount := m.(object); mount["name"] == "app-logs" {
			add("/spec/containers/0/volumeMounts/-", mount, "Object.spec.containers.volumeMounts")
		}
	}
	var names []string
	for _, v := range before["spec"].(object)["volumes"].([]any) {
		names = append(names, v.(object)["name"].(string))
	}
	for _, v := range spec["volumes"].([]any) {
		volume := v.(object)
		if name := volume["name"].(string); !slices.Contains(names, name) && !strings.HasPrefix(name, "kube-api-access-") {
			add("/spec/volumes/-", volume, "Object.spec.volumes")
		}
	}
	return operations
}

// withoutToken removes the mounts that the server adds to containers.
func withoutToken(containers []any) []any {
	for _, c := range containers {
		container := c.(object)
		mounts := container["volumeMounts"].([]any)
		container["volumeMounts"] = slices.DeleteFunc(mounts, func(m any) bool {
			return strings.HasPrefix(m.(object)["name"].(string), "kube-api-access-")
		})
	}
	return containers
}

// celValue writes a value as a CEL literal; kind is the type of the object or of the list's objects.
func celValue(value any, kind string) string {
	switch v := value.(type) {
	case object:
		open := kind + "{"
		maps := strings.HasSuffix(kind, ".requests") || strings.HasSuffix(kind, ".limits")
		if maps {
			open = "{"
		}
		var members []string
		for _, key := range sortedKeys(v) {
			name := key
			if maps {
				name = strconv.Quote(key)
			}
			members = append(members, name+": "+celValue(v[key], kind+"."+key))
		}
		return open + strings.Join(members, ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, celValue(item, kind))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// awaitFile waits until a file exists and returns its content.
func awaitFile(t *testing.T, path string) (text []byte, err error) {
	t.Helper()
	err = eventually(t.Context(), 30*time.Second, func(context.Context) (err error) {
		if text, err = os.ReadFile(path); err == nil && len(text) == 0 {
			err = errors.New("empty")
		}
		return err
	})
	return text, err
}
