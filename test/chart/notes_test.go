package chart

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheNotesWarnOfWhatCanGoWrongAndNameOneNextCommand(t *testing.T) {
	notes := func(args ...string) string {
		out, err := helm(t, append([]string{"install", release, directory, "--namespace", namespace, "--dry-run=client"}, args...)...)
		must(t, err)
		_, text, _ := strings.Cut(out, "\nNOTES:\n")
		return text
	}
	plain := notes()
	if strings.Contains(plain, "WARNING") || strings.Count(plain, "sidecar-injector check") != 1 {
		t.Errorf("notes of the defaults:\n%s", plain)
	}
	if text := notes("--set", "webhook.failurePolicy=Ignore,guard=Warn"); strings.Contains(text, "WARNING") {
		t.Errorf("the notes warn of pods that the guard tells of:\n%s", text)
	}
	for _, want := range []string{"one replica", "failurePolicy is Ignore", "no ServiceMonitor", "no PrometheusRule"} {
		if text := notes("--values", filepath.Join(directory, "values-dev.yaml"), "--set", "monitoring.scrape=ServiceMonitor,monitoring.alerts=true"); !strings.Contains(text, want) {
			t.Errorf("the notes lack %q:\n%s", want, text)
		}
	}
}
