//go:build controlplane

package controlplane

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	admissionregistration "k8s.io/api/admissionregistration/v1"
)

// TestTheAPIServerCountsFailedCallsAsTheAlertsExpect makes calls fail under both policies. The API server's
// metrics as recorded for the tests of the alerts are compared with the real ones.
func TestTheAPIServerCountsFailedCallsAsTheAlertsExpect(t *testing.T) {
	const webhook = "namespaces.sidecar-injector.dev"
	counts := func() map[string]*dto.MetricFamily {
		live, err := suite.client.CoreV1().RESTClient().Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Do(t.Context()).Raw()
		must(t, err)
		return families(t, live)
	}
	before := counts() // calls of other tests have failed, too
	for policy, admitted := range map[admissionregistration.FailurePolicyType]bool{
		admissionregistration.Ignore: true,
		admissionregistration.Fail:   false,
	} {
		t.Run(string(policy), func(t *testing.T) {
			configuration := webhookConfiguration(t, "https://127.0.0.1:1", nil)
			for i := range configuration.Webhooks {
				configuration.Webhooks[i].FailurePolicy = &policy
			}
			install(t, configuration)
			if _, err := create(t.Context(), enabledNamespace(t), "Pod", appPod("web")); (err == nil) != admitted {
				t.Errorf("admitted %t, want %t: %v", err == nil, admitted, err)
			}
		})
	}

	counted := counts()
	file, err := os.ReadFile(filepath.Join(repository, "test/monitoring/testdata/apiserver.txt"))
	must(t, err)
	for name, expected := range families(t, file) {
		if diff := cmp.Diff(labelNames(expected.GetMetric()[0]), labelNames(of(counted[name], "name", webhook))); diff != "" {
			t.Errorf("%s: labels (-expected +live):\n%s", name, diff)
		}
		if counted[name].GetType() != expected.GetType() {
			t.Errorf("%s is a %s", name, counted[name].GetType())
		}
	}
	more := func(name string, labels ...string) float64 {
		labels = append(labels, "name", webhook)
		return sum(counted[name], labels...) - sum(before[name], labels...)
	}
	if got := more("apiserver_admission_webhook_fail_open_count"); got != 1 {
		t.Errorf("failing open is counted %v times", got)
	}
	if got := more("apiserver_admission_webhook_rejection_count", "error_type", "calling_webhook_error"); got != 1 {
		t.Errorf("pods refused because nobody answered: %v", got)
	}
}

func families(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	must(t, err)
	return found
}

// of returns the first metric of a family that has the labels; nil if there is none.
func of(family *dto.MetricFamily, labels ...string) *dto.Metric {
	for _, m := range family.GetMetric() {
		if hasLabels(m, labels...) {
			return m
		}
	}
	return nil
}

// sum adds up the counters of a family that have the labels.
func sum(family *dto.MetricFamily, labels ...string) float64 {
	total := 0.0
	for _, m := range family.GetMetric() {
		if hasLabels(m, labels...) {
			total += m.GetCounter().GetValue()
		}
	}
	return total
}

func hasLabels(m *dto.Metric, labels ...string) bool {
	for i := 0; i < len(labels); i += 2 {
		if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] }) {
			return false
		}
	}
	return true
}

func labelNames(m *dto.Metric) string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
