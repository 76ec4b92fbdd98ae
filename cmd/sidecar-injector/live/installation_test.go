package live

import (
	"errors"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// TestSettingsThatAreNotReadAreNotTheDefaults: what they say changes images.
func TestSettingsThatAreNotReadAreNotTheDefaults(t *testing.T) {
	held := func(key, text string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "injector", Namespace: "sidecars"}, Data: map[string]string{key: text}}
	}
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "injector", errors.New("no"))
	for name, test := range map[string]struct {
		installation Installation
		held         *corev1.ConfigMap
		err          error
		want         string
	}{
		"read":      {Installation{Name: "injector", Namespace: "sidecars"}, held("config.yaml", "cluster: {registry: mirror.local}"), nil, ""},
		"denied":    {Installation{Name: "injector", Namespace: "sidecars"}, nil, denied, "lack get configmaps in namespace sidecars"},
		"faulty":    {Installation{Name: "injector", Namespace: "sidecars"}, held("config.yaml", "cluster: 5"), nil, "have a fault"},
		"elsewhere": {Installation{Name: "injector", Namespace: "sidecars"}, held("other.yaml", ""), nil, "are not in ConfigMap injector"},
		"nowhere":   {Installation{Name: "renamed", Namespace: "sidecars"}, held("config.yaml", ""), nil, "are not in ConfigMap renamed"},
		"by URL":    {Installation{Name: "injector"}, nil, nil, "is called by URL"},
	} {
		client := fake.NewClientset()
		if test.held != nil {
			client = fake.NewClientset(test.held)
		}
		if test.err != nil {
			client.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, test.err })
		}
		r := &Reader{client: client}
		if err := r.settings(t.Context(), &test.installation); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d := r.Doubt(templates.NewSet(nil), "shop", "side")
		if d.Always != (test.want != "") || !strings.Contains(d.Why, test.want) {
			t.Errorf("%s: %+v, want %q", name, d, test.want)
		}
		if test.want == "" && test.installation.Settings.Cluster["registry"] != "mirror.local" {
			t.Errorf("%s: %+v", name, test.installation.Settings)
		}
	}
}

// release returns the objects of an injector: its settings, and whether it has a webhook configuration and a
// Deployment.
func release(name, registry string, called, deployed bool) []runtime.Object {
	meta := metav1.ObjectMeta{Name: name, Namespace: name, Labels: map[string]string{"app.kubernetes.io/name": "sidecar-injector"}}
	all := []runtime.Object{&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"config.yaml": "cluster: {registry: " + registry + "}"}}}
	if deployed {
		all = append(all, &appsv1.Deployment{ObjectMeta: meta})
	}
	if called {
		all = append(all, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}, Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.sidecar-injector.dev", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: name, Name: name}},
		}}})
	}
	return all
}

// TestOfSeveralInjectorsTheOneThatIsCalledCounts: if several are, what a new pod would get is not known, and
// both are named.
func TestOfSeveralInjectorsTheOneThatIsCalledCounts(t *testing.T) {
	for name, test := range map[string]struct {
		first, second []runtime.Object
		registry      string
		doubt         string
	}{
		"one":                  {release("a", "a.local", true, true), nil, "a.local", ""},
		"two":                  {release("a", "a.local", true, true), release("b", "b.local", true, true), "a.local", "2 injectors are installed, each with settings and templates of its own: a in namespace a; b in namespace b"},
		"the second":           {release("a", "a.local", false, true), release("b", "b.local", true, true), "b.local", ""},
		"one without a server": {release("a", "a.local", true, false), release("b", "b.local", true, true), "a.local", "a in namespace a; b in namespace b"},
		"none":                 {release("a", "a.local", false, true), release("b", "b.local", false, true), "a.local", "a in namespace a; b in namespace b"},
	} {
		r := &Reader{client: fake.NewClientset(append(test.first, test.second...)...)}
		all, err := r.Installations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := all[0].Settings.Cluster["registry"]; got != test.registry {
			t.Errorf("%s: registry %q, want %q", name, got, test.registry)
		}
		d := r.Doubt(templates.NewSet(nil), "shop", "side")
		if d.Always != (test.doubt != "") || !strings.Contains(d.Why, test.doubt) || d.Always && !strings.Contains(strings.Join(r.Notes(), "\n"), test.doubt) {
			t.Errorf("%s: %+v, want %q; notes %q", name, d, test.doubt, r.Notes())
		}
	}
}
