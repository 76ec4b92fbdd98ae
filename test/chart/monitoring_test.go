package chart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestAlertsArriveAsTheyWereTestedButForTheTimeout: braces of Prometheus' templates survive the rendering,
// and the API server's timeout is inserted into the alert.
func TestAlertsArriveAsTheyWereTestedButForTheTimeout(t *testing.T) {
	tested := readChart(t)["files/rules/sidecar-injector.yaml"]
	for timeout, threshold := range map[string]string{"5": "> 5 / 4", "12": "> 12 / 4"} {
		r := render(t, "--set", "monitoring.alerts=true,webhook.timeoutSeconds="+timeout)
		var got map[string]any
		for _, o := range r.objects {
			if u, ok := o.(*unstructured.Unstructured); ok && u.GetKind() == "PrometheusRule" {
				got = u.Object["spec"].(map[string]any)
			}
		}
		var want map[string]any
		must(t, yaml.Unmarshal([]byte(strings.Replace(tested, "> 5 / 4", threshold, 1)), &want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("timeout %s s (-tested +rendered):\n%s", timeout, diff)
		}
	}
}
