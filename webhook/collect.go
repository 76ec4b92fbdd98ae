package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// TemplateTimes returns when the version in force of each template was loaded, by template name.
type TemplateTimes interface {
	Loaded() map[string]time.Time
}

// The states of a template in the metrics.
const (
	stateLoaded  = "loaded"  // the newest version is in force
	stateStale   = "stale"   // the newest version is broken, the last good one in force
	stateInvalid = "invalid" // broken, and nothing in force
)

// templateCollector computes the templates' metrics from the current set at each collection, so that no
// series has to be updated or deleted when templates change.
type templateCollector struct {
	templates Templates
	times     TemplateTimes
	metrics   *Metrics

	count, info, lastSuccess *prometheus.Desc
}

// NewTemplateCollector returns a collector of metrics about the templates. Each collection also deletes the
// series of removed templates from metrics, as Metrics.forget describes.
func NewTemplateCollector(current Templates, times TemplateTimes, metrics *Metrics) prometheus.Collector {
	return &templateCollector{
		templates: current,
		times:     times,
		metrics:   metrics,
		count: prometheus.NewDesc("sidecar_injector_templates",
			"Templates by state: loaded; stale, which is broken with the last good version in force; invalid, which is broken with none in force.",
			[]string{"state"}, nil),
		info: prometheus.NewDesc("sidecar_injector_template_info",
			"Always 1, for each template and revision in force.",
			[]string{"template", "revision"}, nil),
		lastSuccess: prometheus.NewDesc("sidecar_injector_template_last_success_timestamp_seconds",
			"When the version of a template that is in force was loaded, in seconds since 1970.",
			[]string{"template"}, nil),
	}
}

func (c *templateCollector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- c.count
	descriptions <- c.info
	descriptions <- c.lastSuccess
}

func (c *templateCollector) Collect(metrics chan<- prometheus.Metric) {
	type version struct{ name, revision string }
	counts := map[string]int{stateLoaded: 0, stateStale: 0, stateInvalid: 0}
	seen := map[version]bool{}
	inForce := map[string]bool{}
	for _, e := range c.templates.Current().Entries() {
		counts[stateOf(e)]++
		if e.Template != nil {
			// Templates of several namespaces may share a name and revision, and a series may be sent only
			// once.
			seen[version{e.Template.Name, e.Template.Revision}] = true
			inForce[e.Template.Name] = true
		}
	}
	c.metrics.forget(inForce)
	for state, n := range counts {
		metrics <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(n), state)
	}
	for v := range seen {
		metrics <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, v.name, v.revision)
	}
	for name, at := range c.times.Loaded() {
		metrics <- prometheus.MustNewConstMetric(c.lastSuccess, prometheus.GaugeValue, float64(at.UnixMilli())/1000, name)
	}
}

func stateOf(e templates.Entry) string {
	switch {
	case !e.Broken():
		return stateLoaded
	case e.Template != nil:
		return stateStale
	default:
		return stateInvalid
	}
}
