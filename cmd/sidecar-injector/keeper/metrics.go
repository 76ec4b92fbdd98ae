package keeper

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// The results of a round in the metrics.
const (
	done   = "done"   // all done, or there was nothing to do
	left   = "left"   // some workloads were left; the log has the reasons
	paused = "paused" // paused in this round or before
	failed = "failed" // an error, which is logged
)

// Metrics are the keeper's Prometheus metrics. The series about pods and pauses exist only in the replica that
// holds the lease.
type Metrics struct {
	rounds *prometheus.CounterVec
	pods   *prometheus.CounterVec

	standing, timestamp, pausing *prometheus.Desc

	mu     sync.Mutex
	counts map[fleet.State]int // nil if not counted yet, or if another replica holds the lease
	at     time.Time
	paused map[Work]bool
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_injector_keeper_rounds_total",
			Help: "Rounds of the keeper by what it did and what became of it: done; left, where some workloads stay as they are; paused; failed. The log tells why.",
		}, []string{"work", "result"}),
		pods: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_injector_keeper_pods_total",
			Help: "Pods that the keeper has brought up to date or replaced, by what it did.",
		}, []string{"work"}),
		standing: prometheus.NewDesc("sidecar_injector_pods",
			"Pods that have sidecars or ask for some, by the state of the worst. Only the replica that holds the lease has it.",
			[]string{"state"}, nil),
		timestamp: prometheus.NewDesc("sidecar_injector_pods_counted_timestamp_seconds",
			"When sidecar_injector_pods was counted, in seconds since 1970.",
			nil, nil),
		pausing: prometheus.NewDesc("sidecar_injector_keeper_paused",
			"Whether the keeper has paused what it does, until a person has it go on. Only the replica that holds the lease has it.",
			[]string{"work"}, nil),
		paused: map[Work]bool{},
	}
	registry.MustRegister(m.rounds, m.pods, m)
	return m
}

func (m *Metrics) round(w Work, result string) { m.rounds.WithLabelValues(string(w), result).Inc() }

func (m *Metrics) changed(w Work, pods int) { m.pods.WithLabelValues(string(w)).Add(float64(pods)) }

// counted sets the counts to report until the next count.
func (m *Metrics) counted(counts map[fleet.State]int, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts, m.at = counts, at
}

func (m *Metrics) setPaused(w Work, is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused[w] = is
}

// forget removes the series about pods and pauses, when the replica loses the lease.
func (m *Metrics) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts, m.paused = nil, map[Work]bool{}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- m.standing
	descriptions <- m.timestamp
	descriptions <- m.pausing
}

// Collect implements prometheus.Collector. It reports the last count, in which every state has a series, and
// the pauses.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.Lock()
	counts, at, pauses := m.counts, m.at, maps.Clone(m.paused)
	m.mu.Unlock()
	for w, is := range pauses {
		value := 0.0
		if is {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(m.pausing, prometheus.GaugeValue, value, string(w))
	}
	if counts == nil {
		return
	}
	for _, state := range fleet.States() {
		metrics <- prometheus.MustNewConstMetric(m.standing, prometheus.GaugeValue, float64(counts[state]), state.Word())
	}
	metrics <- prometheus.MustNewConstMetric(m.timestamp, prometheus.GaugeValue, float64(at.UnixMilli())/1000)
}
