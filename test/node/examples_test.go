package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEachExampleWorksAndEnds applies each folder unchanged, checks its effect, and terminates its pods.
func TestEachExampleWorksAndEnds(t *testing.T) {
	t.Parallel()
	effects := map[string]struct {
		selector string
		effect   func(p *place, pod string)
	}{
		"alertmanager": {"app=alertmanager", func(p *place, pod string) {
			p.says(pod, "alertmanager-sc-config-reload", "Reload triggered")
		}},
		"git-site": {"app=site", func(p *place, pod string) { p.siteFollowsCommits(pod) }},
		"grafana": {"app.kubernetes.io/name=grafana", func(p *place, pod string) {
			p.says(pod, "grafana", "HTTP Server Listen")
		}},
		"health-check": {"app=shop", func(p *place, pod string) {
			p.in(pod, "shop-sc-health-check", "wget", "-q", "-O-", "--post-data=", "http://127.0.0.1:9898/readyz/disable")
			p.until("it is not ready", func(ctx context.Context) error {
				found, err := p.one(ctx, "app=shop")
				if err == nil && whyNotReady(found) == nil {
					err = errors.New("it is")
				}
				return err
			})
		}},
		"prometheus": {"app=prometheus", func(p *place, pod string) {
			p.until("it has its pod's name", func(context.Context) error {
				out, err := p.try("get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:9090/proxy/api/v1/status/config", p.namespace, pod))
				if err == nil && !strings.Contains(out, "replica: "+pod) {
					err = errors.New(out)
				}
				return err
			})
		}},
		"results-job": {"job-name=results", func(p *place, _ string) { p.resultsArrive() }},
		"web-server": {"app=web", func(p *place, pod string) {
			p.kubectl("get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:8080/proxy/", p.namespace, pod))
			p.says(pod, "nginx-sc-log-collector", "GET /")
		}},
	}
	folders, err := filepath.Glob(filepath.Join(repository, "examples", "*"))
	must(t, err)
	for _, folder := range folders {
		name := filepath.Base(folder)
		if info, err := os.Stat(folder); err != nil || !info.IsDir() || name == "injected" || name == "templates" { // templates are tested elsewhere
			continue
		}
		e, known := effects[name]
		if !known {
			t.Errorf("%s: an example whose effect no test looks at", folder)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "")
			switch name {
			case "results-job":
				p.applyText(strings.ReplaceAll(read(t, "data/stores.yaml"), "bucket", "reports"))
				p.ready("app=store")
			case "git-site":
				p.serveSite()
			}
			p.apply(p.adapted(folder))
			if name == "results-job" {
				e.effect(p, "")
				return
			}
			pod := p.ready(e.selector).Name
			e.effect(p, pod)
			p.quiet()
			begun := time.Now()
			endings := p.stop(pod)
			report("example %s: %d containers ended within %.0f s", name, len(endings), time.Since(begun).Seconds())
			for container, ended := range endings {
				// A container that ignores TERM is killed after the grace period of 30 s. The seconds that others need
				// depend on the machine's other load, and are reported.
				if ended.code == 137 || ended.after > 15*time.Second {
					t.Errorf("%s ended after %s with exit code %d", container, ended.after, ended.code)
				}
			}
		})
	}
}

// adapted returns a copy of an example's folder in which external addresses are replaced by those of this
// node. Everything else is unchanged.
func (p *place) adapted(folder string) string {
	p.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	p.must(err)
	copied, err := os.MkdirTemp("", "example")
	p.must(err)
	p.Cleanup(func() { os.RemoveAll(copied) })
	for _, file := range files {
		text, err := os.ReadFile(file)
		p.must(err)
		adapted := strings.NewReplacer("https://github.com/kubernetes/git-sync", "http://git/site.git", "ref: master", "ref: main", "current/demo/html", "current", "replicas: 2", "replicas: 1",
			"http://minio.storage.svc:9000", "http://store:9000", "ACCESS_KEY_ID: change-me", "ACCESS_KEY_ID: key", "SECRET_ACCESS_KEY: change-me", "SECRET_ACCESS_KEY: secret",
		).Replace(string(text))
		p.must(os.WriteFile(filepath.Join(copied, filepath.Base(file)), []byte(adapted), 0o600))
	}
	return copied
}

func (p *place) serveSite() {
	p.Helper()
	p.keys()
	p.apply("git/server.yaml")
	p.ready("app=git")
}

// siteFollowsCommits requests the server's page before and after a commit.
func (p *place) siteFollowsCommits(pod string) {
	p.Helper()
	page := func(want string) {
		p.until("the page says "+want, func(context.Context) error {
			out, err := p.try("get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:8080/proxy/", p.namespace, pod))
			if err == nil && strings.TrimSpace(out) != want {
				err = errors.New(out)
			}
			return err
		})
	}
	page("one")
	server := p.ready("app=git").Name
	p.in(server, "author", "sh", "-ec", "cd /work && echo two > index.html && git commit -q -a -m two && git push -q origin main")
	page("two")
}

// resultsArrive waits for the Job and for its last file.
func (p *place) resultsArrive() {
	p.Helper()
	p.finished("results")
	if got := p.in(p.ready("app=store").Name, "s3", "cat", "/data/reports/daily/day-7.csv"); got != "day,total\n7,700\n" {
		p.Errorf("the store holds %q", got)
	}
}
