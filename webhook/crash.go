package webhook

import (
	"errors"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// The values of the label "stage": where the code panicked on one template. Other templates are not
// affected.
const (
	crashAtLoad   = "load"
	crashAtRender = "render"
)

// newCrashes creates the counter with both stages at 0, because Prometheus' increase() does not see a
// series that starts at 1.
func newCrashes() *prometheus.CounterVec {
	crashes := counter("sidecar_injector_template_crashes_total",
		"Panics of the injector that cost one template only, by stage: load, its newest version is not used; render, a pod did not get it. The log has the stack.", "stage")
	crashes.WithLabelValues(crashAtLoad)
	crashes.WithLabelValues(crashAtRender)
	return crashes
}

var errCrash = errors.New("internal error in one template; the others are not affected")

// tellCrashes logs and counts the panics that occurred while a pod's template instances were rendered.
func (m *Metrics) tellCrashes(log logr.Logger, result *inject.Result) {
	for i := range result.Crashes {
		c := &result.Crashes[i]
		m.crashes.WithLabelValues(crashAtRender).Inc()
		log.Error(errCrash, "template not rendered", "template", c.Template, "instance", c.Instance, "stack", c.Stack)
	}
}

// TellBroken logs and counts the panics that occurred while the template of entry e was loaded.
func (m *Metrics) TellBroken(log logr.Logger, e *templates.Entry) {
	for i := range e.Findings {
		f := &e.Findings[i]
		if f.Stack == "" {
			continue
		}
		m.crashes.WithLabelValues(crashAtLoad).Inc()
		log.Error(errCrash, "template not loaded", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace, "file", f.File, "stack", f.Stack)
	}
}
