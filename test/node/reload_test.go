package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestAChangedConfigurationReachesTheRealServersWithoutARestart reads the configuration in use from
// Prometheus and Alertmanager themselves.
func TestAChangedConfigurationReachesTheRealServersWithoutARestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ manifest, selector, change, port, path, before, after, broken string }{
		"Prometheus": {
			"listing/prometheus.yaml", "app=prometheus", "configmap/prometheus", "9090", "/api/v1/status/config",
			"job_name: prometheus", "job_name: another", "job_name: [",
		},
		"Alertmanager": {
			"listing/alertmanager.yaml", "app=alertmanager", "secret/alertmanager", "9093", "/api/v2/status",
			"receiver: nobody", "receiver: somebody", "receiver: [",
		},
	} {
		for mode, native := range modes() {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, "")
				p.applyText(strings.Replace(read(t, c.manifest), "annotations:\n", "annotations:\n        config-reload.sidecar-injector.dev/native: \""+native+"\"\n", 1))
				made, sidecar := p.ready(c.selector), strings.TrimPrefix(c.selector, "app=")+"-sc-config-reload"
				pod := made.Name
				configuration := func(want string) {
					t.Helper()
					p.until("the configuration has "+want, func(context.Context) error {
						got, err := p.try("get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%s/proxy%s", p.namespace, pod, c.port, c.path))
						if err == nil && !strings.Contains(got, want) {
							err = errors.New(got)
						}
						return err
					})
				}
				change := func(from, to string) {
					t.Helper()
					text := strings.ReplaceAll(firstDocument(read(t, c.manifest)), from, to)
					p.applyText(strings.ReplaceAll(text, "- name: nobody", "- name: "+strings.TrimPrefix(to, "receiver: ")))
				}
				configuration(c.before)
				// What changes before that is seen only when watchInterval has passed.
				p.says(pod, sidecar, "started watching")
				change(c.before, c.after)
				configuration(c.after)
				// An invalid configuration is refused, and the server keeps using the previous one.
				change(c.before, c.broken)
				p.until("the sidecar says that it was refused", func(context.Context) error {
					out := p.kubectl("logs", pod, "-c", sidecar, "--tail=20")
					if !strings.Contains(out, "reload request failed") && !strings.Contains(out, "received non-200 response") {
						return errors.New(out)
					}
					return nil
				})
				configuration(c.after)
				change(c.before, c.after)
				p.ready(c.selector)
				p.quiet()
				reportTimes(t, "config-reload beside "+name+", "+mode, made, p.stop(pod), sidecar)
			})
		}
	}
}

func firstDocument(text string) string {
	first, _, _ := strings.Cut(text, "\n---\n")
	return first
}
