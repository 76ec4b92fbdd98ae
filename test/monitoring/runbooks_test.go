package monitoring

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestEveryAlertLeadsToItsRunbook: the anchor of an alert's link must be a heading of docs/metrics.md, and
// every heading there must be an alert.
func TestEveryAlertLeadsToItsRunbook(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	must(t, err)
	_, section, _ := strings.Cut(string(page), "\n## Alerts\n")
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(section, -1) {
		headings[m[1]] = true
	}
	named := map[string]bool{}
	for _, rule := range alertingRules(t) {
		named[rule.Name()] = true
		want := "https://github.com/sidecar-injector/sidecar-injector/blob/main/docs/metrics.md#" + strings.ToLower(rule.Name())
		if got := rule.Annotations().Get("runbook_url"); got != want {
			t.Errorf("%s: runbook %q, want %q", rule.Name(), got, want)
		}
		if severity := rule.Labels().Get("severity"); severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", rule.Name(), severity)
		}
		if rule.Annotations().Get("summary") == "" || rule.Annotations().Get("description") == "" {
			t.Errorf("%s says nothing: %s", rule.Name(), rule.Annotations())
		}
	}
	if diff := gocmp.Diff(named, headings); diff != "" {
		t.Errorf("alerts (-rules +docs):\n%s", diff)
	}
}

// TestTheChartFindsTheTimeout: the chart replaces this text by its own value of the timeout.
func TestTheChartFindsTheTimeout(t *testing.T) {
	files, err := filepath.Glob(ruleFiles)
	must(t, err)
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		n += strings.Count(string(data), "> 5 / 4")
	}
	if n != 1 {
		t.Errorf(`"> 5 / 4" stands there %d times, want once`, n)
	}
}
