package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestLabelledObjectsBecomeFilesAndTheAppReloads checks that ConfigMaps and Secrets become dashboards and
// data sources in Grafana.
func TestLabelledObjectsBecomeFilesAndTheAppReloads(t *testing.T) {
	t.Parallel()
	for user, u := range map[string]struct{ level, security string }{
		"numeric user": {"restricted", "runAsUser: 472, runAsNonRoot: true"},
		"image's user": {"baseline", ""},
	} {
		for mode, native := range modes() {
			t.Run(user+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, u.level)
				p.applyText(dashboard("configmap", "first", "first.json", `{"uid": "first", "title": "First"}`))
				p.applyText(strings.NewReplacer("NATIVE", native, "CONTEXT", u.security).Replace(read(t, "config/app.yaml")))
				pod := p.ready("app=app")
				p.dashboards(`"First"`)
				p.applyText(dashboard("secret", "second", "second.json", `{"uid": "second", "title": "Zweites, größer"}`))
				p.dashboards(`"First"`, `"Zweites, größer"`)
				p.applyText(binary("binary", "third.bin", "\x00\xff\x01"))
				p.until("the binary file", func(context.Context) error {
					out, err := p.try("exec", "app", "-c", "grafana", "--", "sh", "-c", "od -An -tx1 /tmp/dashboards/third.bin")
					if err == nil && strings.TrimSpace(out) != "00 ff 01" {
						err = fmt.Errorf("it has %q", out)
					}
					return err
				})
				p.applyText(foldered("elsewhere", "/tmp/dashboards/Übersicht ☃", "fourth.bin", "\x00\xfe\x02"))
				p.until("the binary file of a folder of its own", func(context.Context) error {
					out, err := p.try("exec", "app", "-c", "grafana", "--", "sh", "-c", "od -An -tx1 '/tmp/dashboards/Übersicht ☃/fourth.bin'")
					if err == nil && strings.TrimSpace(out) != "00 fe 02" {
						err = fmt.Errorf("it has %q", out)
					}
					return err
				})
				p.kubectl("delete", "configmap/binary", "secret/second")
				p.dashboards(`"First"`)
				p.until("the file is gone", func(context.Context) error {
					if out := p.in("app", "grafana", "ls", "/tmp/dashboards"); strings.Contains(out, "second") || strings.Contains(out, "third") {
						return errors.New(out)
					}
					return nil
				})
				p.quiet()
				reportTimes(t, "config-sync, "+mode, pod, p.stop("app"), "grafana-sc-config-sync")
			})
		}
	}
}

// TestWhatChangesWhileConfigSyncIsDownReachesTheApp stops the sidecar's process before it is killed, so that it
// cannot see the changes itself.
func TestWhatChangesWhileConfigSyncIsDownReachesTheApp(t *testing.T) {
	t.Parallel()
	for mode, native := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const sidecar = "grafana-sc-config-sync"
			p := newPlace(t, "baseline")
			p.applyText(dashboard("configmap", "first", "first.json", `{"uid": "first", "title": "First"}`))
			p.applyText(dashboard("secret", "second", "second.json", `{"uid": "second", "title": "Second"}`))
			p.applyText(strings.NewReplacer("NATIVE", native, "CONTEXT", "").Replace(read(t, "config/app.yaml")))
			pod := p.ready("app=app")
			p.dashboards(`"First"`, `"Second"`)
			pids := processes(t, pod, sidecar)
			signalAll(t, pids, syscall.SIGSTOP)
			p.applyText(dashboard("configmap", "first", "first.json", `{"uid": "first", "title": "Changed"}`))
			p.kubectl("delete", "secret/second")
			signalAll(t, pids, syscall.SIGKILL)
			p.restarted(sidecar)
			p.dashboards(`"Changed"`, `"Second"`) // the file of what was deleted stays, as docs/workloads.md says
			if again := p.ready("app=app"); statusOf(again, "grafana").RestartCount != 0 {
				t.Error("the app was restarted")
			}
			if out := p.inject("explain", "pod/app"); !strings.Contains(out, "1 restart") {
				t.Errorf("explain does not show the restart:\n%s", out)
			}
		})
	}
}

// TestWithoutRightsTheSidecarSaysSo: an injector cannot grant the rights that k8s-sidecar needs.
func TestWithoutRightsTheSidecarSaysSo(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	p.applyText(strings.NewReplacer("NATIVE", "true", "CONTEXT", "", "kind: RoleBinding\nmetadata: {name: app}", "kind: RoleBinding\nmetadata: {name: other}",
		"{kind: ServiceAccount, name: app}", "{kind: ServiceAccount, name: other}").Replace(read(t, "config/app.yaml")))
	p.says("app", "grafana-sc-config-sync", "403")
	if out := p.inject("check"); !strings.Contains(out, "service account app of namespace "+p.namespace+" may not") {
		t.Errorf("check does not name the rights:\n%s", out)
	}
	p.until("explain names it", func(context.Context) error {
		out := p.inject("explain", "pod/app")
		for _, want := range []string{"configmaps", "403"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("no %q in\n%s", want, out)
			}
		}
		return nil
	})
}

// dashboards waits until Grafana has exactly these titles.
func (p *place) dashboards(titles ...string) {
	p.Helper()
	p.until(fmt.Sprintf("dashboards %v", titles), func(context.Context) error {
		got := p.grafana("app", "/api/search?type=dash-db")
		if strings.Count(got, `"title"`) != len(titles) {
			return errors.New(got)
		}
		for _, title := range titles {
			if !strings.Contains(got, title) {
				return errors.New(got)
			}
		}
		return nil
	})
}

// dashboard returns a labelled ConfigMap or Secret with one file.
func dashboard(kind, name, file, text string) string {
	kinds := map[string][2]string{"configmap": {"ConfigMap", "data"}, "secret": {"Secret", "stringData"}}
	return fmt.Sprintf("apiVersion: v1\nkind: %s\nmetadata: {name: %s, labels: {dashboard: \"1\"}}\n%s:\n  %s: '%s'\n", kinds[kind][0], name, kinds[kind][1], file, text)
}

func binary(name, file, content string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {dashboard: \"1\"}}\nbinaryData:\n  %s: %s\n",
		name, file, base64.StdEncoding.EncodeToString([]byte(content)))
}

// foldered returns a labelled Secret with one binary file, which chooses a folder of its own.
func foldered(name, folder, file, content string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s, labels: {dashboard: \"1\"}, annotations: {k8s-sidecar-target-directory: %q}}\ndata:\n  %s: %s\n",
		name, folder, file, base64.StdEncoding.EncodeToString([]byte(content)))
}
