package main

import (
	"flag"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var quietFor = flag.Duration("quiet", 30*time.Second, "how `long` every sidecar is watched without a restart or a failing probe")

// TestEverySidecarStaysQuiet runs each built-in template without any action, as a native sidecar of an app
// with a numeric user and as a container of an app with root: there must be no restart, and no failing probe
// of a sidecar once the pod is ready.
func TestEverySidecarStaysQuiet(t *testing.T) {
	apps := map[string]func(p *place, text *strings.Replacer){
		"log-collector": func(p *place, text *strings.Replacer) { p.applyText(text.Replace(read(p.T, "logs/app.yaml"))) },
		"data-sync": func(p *place, text *strings.Replacer) {
			p.store()
			p.applyText(text.Replace(read(p.T, "data/app.yaml")))
		},
		"health-check": func(p *place, text *strings.Replacer) {
			p.kubectl("create", "secret", "generic", "tls") // not read without TLS
			p.applyText(text.Replace(read(p.T, "health/app.yaml")))
		},
		"config-sync": func(p *place, text *strings.Replacer) { p.applyText(text.Replace(read(p.T, "config/app.yaml"))) },
		"git-sync": func(p *place, text *strings.Replacer) {
			p.serveSite()
			p.applyText(text.Replace(read(p.T, "git/app.yaml")))
		},
		"config-reload": func(p *place, text *strings.Replacer) {
			p.applyText(text.Replace(strings.Replace(read(p.T, "listing/alertmanager.yaml"),
				"      annotations:\n", "      annotations:\n        config-reload.sidecar-injector.dev/native: \"NATIVE\"\n", 1)))
		},
	}
	var running []*quietPod
	for template, apply := range apps {
		for user, mode := range map[string]string{"numeric user": "native", "root app": "container"} {
			p, security := newPlace(t, ""), users()[user].security
			apply(p, strings.NewReplacer("GF_SECURITY", "GF_SECURITY", "NATIVE", modes()[mode], "SECURITY", security, "CONTEXT", security,
				"SECRET", map[string]string{"data-sync": "s3"}[template], "REPO", "http://git/site.git", "REF", "main",
				"PROTOCOL", "http", "PORT", "9898", "TLS", "false", "FLAGS", "--port=9898"))
			selector := "app=app"
			if template == "config-reload" {
				selector = "app=alertmanager"
			}
			running = append(running, &quietPod{place: p, what: template + ", " + user + ", " + mode, selector: selector})
		}
	}
	for _, q := range running {
		q.uid, q.since = q.ready(q.selector).UID, time.Now()
	}
	time.Sleep(*quietFor)
	early := 0
	for _, q := range running {
		early += q.check()
	}
	report("%d pods of the %d built-in templates were quiet for %s; before they were ready, %d probes of sidecars failed", len(running), len(apps), *quietFor, early)
}

// quietPod is a pod with the time at which it was ready.
type quietPod struct {
	*place
	what, selector string
	uid            types.UID
	since          time.Time
}

// check fails if the pod has had a restart or a failing probe since. It returns how many sidecars had a failing
// probe before.
func (q *quietPod) check() (early int) {
	q.Helper()
	for _, what := range q.amiss() {
		q.Errorf("%s: %s", q.what, what)
	}
	pod := q.ready(q.selector)
	if pod.UID != q.uid {
		q.Errorf("%s: another pod is there", q.what)
	}
	events, err := suite.client.CoreV1().Events(q.namespace).List(q.Context(), metav1.ListOptions{FieldSelector: "reason=Unhealthy,involvedObject.name=" + pod.Name})
	q.must(err)
	for _, event := range events.Items {
		switch {
		case !strings.Contains(event.InvolvedObject.FieldPath, "-sc-"):
		case event.LastTimestamp.After(q.since):
			q.Errorf("%s: %s after it was ready: %s", q.what, event.LastTimestamp.Sub(q.since), event.Message)
		default:
			early++
		}
	}
	return early
}
