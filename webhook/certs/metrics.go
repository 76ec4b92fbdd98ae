package certs

import (
	"crypto/x509"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of Life.Certificate.
const (
	ServingLife   = "serving"
	AuthorityLife = "authority"
)

// Life is the validity period of a certificate.
type Life struct {
	Certificate         string // ServingLife or AuthorityLife
	NotBefore, NotAfter time.Time
}

func lifeOf(which string, cert *x509.Certificate) Life {
	return Life{Certificate: which, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}
}

// lives is a collector that calls now for the lifetimes at each collection.
type lives struct {
	now               func() []Life
	notBefore, expiry *prometheus.Desc
}

// NewCollector returns a collector of the metrics about lifetimes of certificates. now is called at each
// collection.
func NewCollector(now func() []Life) prometheus.Collector {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"certificate"}, nil)
	}
	return &lives{
		now: now,
		notBefore: describe("sidecar_injector_certificate_not_before_timestamp_seconds",
			"From when on a certificate is valid, in seconds since 1970: the one that is served, and its authority's where we have it."),
		expiry: describe("sidecar_injector_certificate_expiry_timestamp_seconds",
			"Until when a certificate is valid, in seconds since 1970: the one that is served, and its authority's where we have it."),
	}
}

// Describe implements prometheus.Collector.
func (l *lives) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- l.notBefore
	descriptions <- l.expiry
}

// Collect implements prometheus.Collector.
func (l *lives) Collect(metrics chan<- prometheus.Metric) {
	for _, life := range l.now() {
		metrics <- prometheus.MustNewConstMetric(l.notBefore, prometheus.GaugeValue, float64(life.NotBefore.Unix()), life.Certificate)
		metrics <- prometheus.MustNewConstMetric(l.expiry, prometheus.GaugeValue, float64(life.NotAfter.Unix()), life.Certificate)
	}
}

// Metrics counts the writes of the Keeper.
type Metrics struct {
	writes *prometheus.CounterVec
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{writes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sidecar_injector_certificate_writes_total",
		Help: "Writes of the certificate authority and of CA bundles, by object and by what was wrong before.",
	}, []string{"object", "reason"})}
	registry.MustRegister(m.writes)
	return m
}

func (m *Metrics) wrote(object string, reason Reason) {
	m.writes.WithLabelValues(object, string(reason)).Inc()
}
