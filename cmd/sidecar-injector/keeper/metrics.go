package keeper

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// What a keeper does, in the metrics.
const inventory = "inventory"

// What became of a round, in the metrics.
const (
	done   = "done"
	failed = "failed" // the log says why
)

// Metrics tell how the fleet stands. Of several replicas only the one that keeps has those on pods.
type Metrics struct {
	rounds *prometheus.CounterVec

	pods, looked *prometheus.Desc

	mu     sync.Mutex
	counts map[fleet.State]int // nil: not counted, or somebody else counts
	at     time.Time
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_injector_keeper_rounds_total",
			Help: "Rounds of the keeper by what it did and what became of it: done; failed, which the log tells.",
		}, []string{"work", "result"}),
		pods: prometheus.NewDesc("sidecar_injector_pods",
			"Pods that have sidecars or ask for some, by the state of the worst. Only the replica that holds the lease has it.",
			[]string{"state"}, nil),
		looked: prometheus.NewDesc("sidecar_injector_pods_counted_timestamp_seconds",
			"When sidecar_injector_pods was counted, in seconds since 1970.",
			nil, nil),
	}
	registry.MustRegister(m.rounds, m)
	return m
}

func (m *Metrics) round(work, result string) { m.rounds.WithLabelValues(work, result).Inc() }

// counted is what there is until the next count.
func (m *Metrics) counted(counts map[fleet.State]int, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts, m.at = counts, at
}

// forget takes the series of pods away: another replica has them now.
func (m *Metrics) forget() { m.counted(nil, time.Time{}) }

// Describe gives the metrics on pods.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- m.pods
	descriptions <- m.looked
}

// Collect gives the last count, each state whether or not a pod is in it.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.Lock()
	counts, at := m.counts, m.at
	m.mu.Unlock()
	if counts == nil {
		return
	}
	for _, state := range fleet.States() {
		metrics <- prometheus.MustNewConstMetric(m.pods, prometheus.GaugeValue, float64(counts[state]), strings.ReplaceAll(state.String(), " ", "-"))
	}
	metrics <- prometheus.MustNewConstMetric(m.looked, prometheus.GaugeValue, float64(at.UnixMilli())/1000)
}
