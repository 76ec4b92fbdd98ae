package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

func TestTheTemplatesEnvironmentIsRead(t *testing.T) {
	s, err := newSettings([]string{
		"PATH=/usr/bin", "KUBERNETES_SERVICE_HOST=10.0.0.1", "METHOD=SLEEP", "LABEL=grafana_dashboard", "LABEL_VALUE=1", "FOLDER=/tmp/dashboards",
		"RESOURCE=both", "REQ_USERNAME=admin", "REQ_PASSWORD=secret", "REQ_URL=http://localhost:3000/reload", "REQ_METHOD=POST",
		"REQ_SKIP_INIT=true", "NAMESPACE=a,b", "SLEEP_TIME=300", "FOLDER_ANNOTATION=folder", "UNIQUE_FILENAMES=true",
		"DEFAULT_FILE_MODE=640", "SCRIPT=/x.sh", "HEALTH_PORT=8084",
	})
	trial.Must(t, err)
	if s.selector != "grafana_dashboard=1" || len(s.kinds) != 2 || !slices.Equal(s.namespaces, []string{"a", "b"}) ||
		!s.skipInit || !s.unique || s.sleep.Seconds() != 300 || s.fileMode != 0o640 || s.healthPort != 8084 {
		t.Errorf("got %+v", s)
	}
}

func TestWhatTheTemplateCannotMeanIsRefused(t *testing.T) {
	tests := map[string][]string{
		"LABEL":                         {"LABEL="},
		"FOLDER":                        {"FOLDER="},
		"METHOD: want one of":           {"METHOD=watch"},
		"RESOURCE: want one of":         {"RESOURCE=configmaps"},
		"REQ_METHOD: want one of":       {"REQ_METHOD=PUT"},
		"REQ_SKIP_INIT: want one of":    {"REQ_SKIP_INIT=yes"},
		"DEFAULT_FILE_MODE: want octal": {"DEFAULT_FILE_MODE=rw"},
		"SLEEP_TIME: want a number":     {"SLEEP_TIME=5m"},
		"HEALTH_PORT: want a number":    {"HEALTH_PORT=http"},
		"REQ_URI is unknown":            {"REQ_URI=http://localhost"},
		"RESOURCE_NAME is not in":       {"RESOURCE_NAME=a"},
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			_, err := newSettings(append([]string{"LABEL=a", "FOLDER=/b"}, change...))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
