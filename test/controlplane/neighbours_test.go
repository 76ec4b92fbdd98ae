//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	admission "k8s.io/api/admission/v1"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// operation is a JSON patch operation (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// neighbour is another mutating webhook, which answers a pod with operations.
type neighbour func(pod *corev1.Pod) []operation

func (n neighbour) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var review admission.AdmissionReview
	var pod corev1.Pod
	if err := errors.Join(json.Unmarshal(body, &review), json.Unmarshal(review.Request.Object.Raw, &pod)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if operations := n(&pod); len(operations) > 0 {
		if answer.Patch, err = json.Marshal(operations); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer.PatchType = new(admission.PatchTypeJSONPatch)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(admission.AdmissionReview{TypeMeta: review.TypeMeta, Response: answer})
}

// serveTLS runs a webhook on this machine and returns its CA bundle.
func serveTLS(t *testing.T, handler http.Handler) (url string, ca []byte) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections() // a handler may block until its client disconnects
		server.Close()
	})
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// installNeighbour installs another webhook for all pods of namespaces with the opt-in label. The API server
// calls webhooks in the order of their configurations' names; the injector's is sidecar-injector.
func installNeighbour(t *testing.T, name string, policy admissionregistration.ReinvocationPolicyType, n neighbour) {
	t.Helper()
	url, ca := serveTLS(t, n)
	configuration := webhookConfiguration(t, url, ca)
	configuration.Name = name
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].Name = name + strconv.Itoa(i) + ".controlplane.test"
		configuration.Webhooks[i].ReinvocationPolicy = &policy
	}
	install(t, configuration)
}

// addsProxy inserts a native sidecar before all others, unless it exists.
func addsProxy(pod *corev1.Pod) []operation {
	if slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "proxy" }) {
		return nil
	}
	proxy := object{"name": "proxy", "image": "registry.example.com/proxy:1.0.0", "restartPolicy": "Always"}
	if len(pod.Spec.InitContainers) == 0 {
		return []operation{{"add", "/spec/initContainers", []any{proxy}}}
	}
	return []operation{{"add", "/spec/initContainers/0", proxy}}
}

// stripsNewFields returns the changes of a webhook with old types, in which an init container has no
// restartPolicy.
func stripsNewFields(pod *corev1.Pod) []operation {
	var operations []operation
	for i, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil {
			operations = append(operations, operation{Op: "remove", Path: "/spec/initContainers/" + strconv.Itoa(i) + "/restartPolicy"})
		}
	}
	return operations
}

func TestASidecarOfAnotherWebhookAndOursAreBothThereOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		name   string
		policy admissionregistration.ReinvocationPolicyType
		want   []string
	}{
		"which is called before ours":                  {"a-neighbour", admissionregistration.NeverReinvocationPolicy, []string{side, "proxy"}},
		"which is called after ours":                   {"z-neighbour", admissionregistration.NeverReinvocationPolicy, []string{"proxy", side}},
		"which is called before ours, and reinvoked":   {"a-neighbour", admissionregistration.IfNeededReinvocationPolicy, []string{side, "proxy"}},
		"which is called after ours, and is reinvoked": {"z-neighbour", admissionregistration.IfNeededReinvocationPolicy, []string{"proxy", side}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apart(t)
			i := installed(t)
			installNeighbour(t, c.name, c.policy, addsProxy)
			got := createPod(t, enabledNamespace(t), appPod("web"))
			if diff := cmp.Diff(c.want, containerNames(got.object, "initContainers")); diff != "" {
				t.Errorf("init containers (-want +got):\n%s", diff)
			}
			want := map[string]int{"injected Annotation": 1, "unchanged AlreadyInjected": 1}
			if diff := cmp.Diff(want, i.decisions(t)); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARestartPolicyThatAnotherWebhookStripsIsPutBackWithAWarning(t *testing.T) {
	t.Parallel()
	installed(t)
	installNeighbour(t, "z-neighbour", admissionregistration.NeverReinvocationPolicy, stripsNewFields)
	got := createPod(t, enabledNamespace(t), appPod("web"))
	if policy := container(t, got.object, side)["restartPolicy"]; policy != "Always" {
		t.Errorf("restartPolicy %v, want Always", policy)
	}
	if want := []string{"side: init container side had lost restartPolicy: Always, which makes it a sidecar; it was put back"}; !slices.Equal(got.warnings, want) {
		t.Errorf("warnings %q, want %q", got.warnings, want)
	}
}

func TestAMutatingAdmissionPolicyBesideOursAddsItsOwnSidecar(t *testing.T) {
	t.Parallel()
	needsServed(t, policiesVersion, "mutatingadmissionpolicies")
	i := installed(t)
	policies := suite.client.AdmissionregistrationV1()
	label := map[string]string{"controlplane.test/policy": "proxy"}
	policy := &admissionregistration.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "proxy"},
		Spec: admissionregistration.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistration.IfNeededReinvocationPolicy,
			FailurePolicy:      new(admissionregistration.Fail),
			MatchConstraints: &admissionregistration.MatchResources{
				ObjectSelector: &metav1.LabelSelector{MatchLabels: label},
				ResourceRules: []admissionregistration.NamedRuleWithOperations{{RuleWithOperations: admissionregistration.RuleWithOperations{
					Operations: []admissionregistration.OperationType{admissionregistration.Create},
					Rule:       admissionregistration.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			MatchConditions: []admissionregistration.MatchCondition{{
				Name: "once", Expression: "!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name == 'proxy')",
			}},
			Mutations: []admissionregistration.Mutation{{
				PatchType: admissionregistration.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionregistration.ApplyConfiguration{Expression: `Object{spec: Object.spec{initContainers: [
					Object.spec.initContainers{name: "proxy", image: "registry.example.com/proxy:1.0.0", restartPolicy: "Always"}]}}`},
			}},
		},
	}
	binding := &admissionregistration.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "proxy"},
		Spec:       admissionregistration.MutatingAdmissionPolicyBindingSpec{PolicyName: "proxy"},
	}
	if _, err := policies.MutatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := policies.MutatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(policies.MutatingAdmissionPolicyBindings().Delete(context.Background(), "proxy", metav1.DeleteOptions{}),
			policies.MutatingAdmissionPolicies().Delete(context.Background(), "proxy", metav1.DeleteOptions{}))
		if err != nil {
			t.Error(err)
		}
	})
	namespace := enabledNamespace(t)
	pod := appPod("web")
	pod.Labels = label
	var got stored
	err := eventually(t.Context(), patience, func(ctx context.Context) (err error) {
		if got, err = create(ctx, namespace, "Pod", pod, "dryRun=All"); err == nil && !slices.Contains(containerNames(got.object, "initContainers"), "proxy") {
			err = errors.New("the API server does not heed the policy yet")
		}
		return err
	})
	must(t, err)
	before := i.calls(t)
	got = createPod(t, namespace, pod)
	names := containerNames(got.object, "initContainers")
	slices.Sort(names)
	if diff := cmp.Diff([]string{"proxy", side}, names); diff != "" {
		t.Errorf("init containers (-want +got):\n%s", diff)
	}
	if calls := i.calls(t) - before; calls != 2 {
		t.Errorf("%d calls, want 2: the injection and a look at what the token did", calls)
	}
}

// TestTheFailurePolicyDecidesWhereTheInjectorGivesNoAnswer uses simulated broken injectors. The policy does
// not apply to an answer that refuses the pod, nor to a patch that cannot be applied.
func TestTheFailurePolicyDecidesWhereTheInjectorGivesNoAnswer(t *testing.T) {
	t.Parallel()
	answer := func(response func(*admission.AdmissionResponse)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var review admission.AdmissionReview
			if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			review.Response = &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true}
			response(review.Response)
			review.Request = nil
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(review)
		})
	}
	cases := map[string]struct {
		injector       http.Handler // nil for no server
		ignoreAdmitsIt bool
	}{
		"down": {nil, true},
		"answering 500": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "internal error", http.StatusInternalServerError)
		}), true},
		"answering garbage": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "no review at all")
		}), true},
		"answering slowly": {http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client disconnects
			<-r.Context().Done()
		}), true},
		"answering with a patch that does not apply": {answer(func(r *admission.AdmissionResponse) {
			r.Patch, r.PatchType = []byte(`[{"op":"add","path":"/spec/containers/7/env","value":[]}]`), new(admission.PatchTypeJSONPatch)
		}), false},
		"answering no": {answer(func(r *admission.AdmissionResponse) { r.Allowed = false }), false},
	}
	for name, c := range cases {
		for _, policy := range []admissionregistration.FailurePolicyType{admissionregistration.Fail, admissionregistration.Ignore} {
			t.Run(name+"/"+string(policy), func(t *testing.T) {
				var calls atomic.Int32
				url, ca := "https://"+freeAddress(t), []byte(nil)
				if c.injector != nil {
					url, ca = serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						calls.Add(1)
						c.injector.ServeHTTP(w, r)
					}))
				}
				configuration := webhookConfiguration(t, url, ca)
				for i := range configuration.Webhooks {
					configuration.Webhooks[i].FailurePolicy = &policy
					configuration.Webhooks[i].TimeoutSeconds = new(int32(1))
				}
				install(t, configuration)
				got, err := create(t.Context(), enabledNamespace(t), "Pod", appPod("web"))
				admitted := policy == admissionregistration.Ignore && c.ignoreAdmitsIt
				if (err == nil) != admitted {
					t.Errorf("admitted: %t (%v), want %t", err == nil, err, admitted)
				}
				if err == nil && injected(got.object) {
					t.Error("the pod has the sidecar all the same")
				}
				if c.injector != nil && calls.Load() == 0 {
					t.Error("the stand-in was not called")
				}
			})
		}
	}
}

// TestANamespaceThatCannotBeReadIsAnErrorThatTheFailurePolicyDecidesOn runs the real injector as a user
// without any rights to read.
func TestANamespaceThatCannotBeReadIsAnErrorThatTheFailurePolicyDecidesOn(t *testing.T) {
	t.Parallel()
	i := startBlindInjector(t)
	for _, policy := range []admissionregistration.FailurePolicyType{admissionregistration.Fail, admissionregistration.Ignore} {
		t.Run(string(policy), func(t *testing.T) {
			configuration := webhookConfiguration(t, i.url, i.ca)
			for n := range configuration.Webhooks {
				configuration.Webhooks[n].FailurePolicy = &policy
			}
			install(t, configuration)
			_, err := create(t.Context(), enabledNamespace(t), "Pod", appPod("web"))
			if admitted := policy == admissionregistration.Ignore; (err == nil) != admitted {
				t.Errorf("admitted: %t (%v), want %t", err == nil, err, admitted)
			}
		})
	}
	if diff := cmp.Diff(map[string]int{"error InternalError": 2}, i.decisions(t)); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}
