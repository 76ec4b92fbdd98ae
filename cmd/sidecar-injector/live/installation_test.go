package live

import (
	"errors"
	"strings"
	"testing"

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
