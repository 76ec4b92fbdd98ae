package webhook

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// unknownTemplate is the label's value for every name that no loaded template has, so that users cannot
// create time series by annotations.
const unknownTemplate = "unknown"

// Metrics are the Prometheus metrics of the webhook.
type Metrics struct {
	decisions  *prometheus.CounterVec
	duration   prometheus.Histogram
	inFlight   prometheus.Gauge
	turnedAway *prometheus.CounterVec
	advice     *prometheus.CounterVec
	templates  *prometheus.CounterVec
	events     *prometheus.CounterVec
	rereads    *prometheus.CounterVec
	crashes    *prometheus.CounterVec

	mu sync.Mutex
	// gone are the templates that have series but were not in force at the previous collection.
	gone map[string]bool
}

// NewMetrics registers the webhook's metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: counter("sidecar_injector_decisions_total",
			"Decisions by outcome, reason and template: one for each template instance, or one for a pod that gets none. The template is empty where none was asked for, and unknown where none of that name is loaded.", "outcome", "reason", "template"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_injector_admission_duration_seconds",
			Help:    "Time from a request's headers to the decision on its pod. Requests without a decision are not in it.",
			Buckets: []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10},
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_injector_requests_in_flight",
			Help: "Requests being worked on.",
		}),
		turnedAway: counter("sidecar_injector_turned_away_total",
			"Requests that got no answer of substance, by path and HTTP status code: no admission reviews in time, form or size; 503 is overload; 499 stands for callers who left or did not read their answer.", "path", "code"),
		advice: counter("sidecar_injector_advice_total",
			"Workloads looked at when they were created or changed, by result: warned; none, where there was nothing to say; notAsked, where nothing that counts had changed or a controller made it; failed.", "result"),
		templates: counter("sidecar_injector_template_reviews_total",
			"Templates looked at when they were created or changed, by result: accepted; refused; unchanged but for metadata; failed, of which nothing could be said.", "result"),
	}
	m.rereads = counter("sidecar_injector_namespace_rereads_total",
		"Pods and workloads whose namespace was read again because it said no, by result: same; newer, where the watch was behind; failed, where there was no decision.", "result")
	m.crashes = newCrashes()
	// Series that alerts use in a division have to exist before their first increment.
	m.decisions.WithLabelValues(string(inject.Error), string(inject.InternalError), "")
	m.turnedAway.WithLabelValues(Path, strconv.Itoa(http.StatusServiceUnavailable))
	m.events = counter("sidecar_injector_events_total",
		"Kubernetes events on the owners of pods by result: written; dropped, because too many waited or were about one object; failed.", "result")
	registry.MustRegister(m.decisions, m.duration, m.inFlight, m.turnedAway, m.advice, m.templates, m.events, m.rereads, m.crashes)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// forget deletes the series of removed templates, whose number would otherwise grow without bound. A series
// is deleted at the second collection after its template was removed, so that its last increments are
// collected once. inForce has the names of the present templates.
func (m *Metrics) forget(inForce map[string]bool) {
	gone := map[string]bool{}
	for _, name := range m.counted() {
		if !inForce[name] {
			gone[name] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range gone {
		if m.gone[name] {
			m.decisions.DeletePartialMatch(prometheus.Labels{"template": name})
		}
	}
	m.gone = gone
}

// counted returns the values of the label "template" of all series, with repetitions, except "" and
// unknownTemplate.
func (m *Metrics) counted() []string {
	series := make(chan prometheus.Metric)
	go func() { defer close(series); m.decisions.Collect(series) }()
	var names []string
	for one := range series {
		var written dto.Metric
		if one.Write(&written) != nil {
			continue // the registry reports the error at the collection itself
		}
		for _, label := range written.Label {
			if name := label.GetValue(); label.GetName() == "template" && name != "" && name != unknownTemplate {
				names = append(names, name)
			}
		}
	}
	return names
}

// decided counts each instance of a result and each part of the request that could not be read. A result
// that has neither is counted once.
func (m *Metrics) decided(result *inject.Result) {
	counted := len(result.Instances)
	for i := range result.Instances {
		instance := &result.Instances[i]
		name := unknownTemplate
		if instance.Template != nil {
			name = instance.Template.Name
		}
		m.decisions.WithLabelValues(string(instance.Outcome), string(instance.Reason), name).Inc()
	}
	for i := range result.Faults {
		if fault := &result.Faults[i]; fault.Index < 0 {
			outcome := inject.Refused
			if fault.Ignored {
				outcome = inject.AdmittedWithout
			}
			m.decisions.WithLabelValues(string(outcome), string(fault.Reason), unknownTemplate).Inc()
			counted++
		}
	}
	if counted == 0 {
		m.decisions.WithLabelValues(string(result.Outcome), string(result.Reason), "").Inc()
	}
}

// failed counts a pod on which the injector could not decide.
func (m *Metrics) failed() {
	m.decisions.WithLabelValues(string(inject.Error), string(inject.InternalError), "").Inc()
}
