package page

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

const prefix = "letterlock_"

// Metrics that are computed at each scrape. The labels of a certificate are its
// first name and its key.
var (
	buildDesc       = describe("build_info", "A constant 1 with the version of the program.", "version")
	noticesDesc     = describe("notices_total", "Notices to users of IMAP whose client the policy of notify would refuse.")
	lostDesc        = describe("log_lines_lost_total", "Log lines that could not be written, because writing failed or the reader of the log did not read.", "reason")
	leftOutDesc     = describe("log_lines_left_out_total", "Log lines of clients that were left out, because their network, or all networks, had caused too many (log.rate).")
	backendDesc     = describe("backend_up", "Whether a backend has replied when it was last tried; 1 if it was not tried yet.", "service", "listener", "backend")
	certificateDesc = describe("certificate_expiry_timestamp_seconds", "When a certificate expires.", "name", "key")
	lifetimeDesc    = describe("certificate_lifetime_seconds", "The time from the beginning to the end of a certificate's validity.", "name", "key")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

// collector collects the state of backends, certificates, files and the log at
// each scrape, and the counts of the current smarthosts.
type collector struct{ status *Status }

// newGatherer returns the counts of sessions, and all other metrics.
func newGatherer(s *Status) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return prometheus.Gatherers{s, registry}
}

// Gather implements prometheus.Gatherer with the counts of sessions.
func (s *Status) Gather() ([]*dto.MetricFamily, error) {
	s.showListeners()
	return s.counts.registry.Gather()
}

// Describe sends the descriptions of the metrics.
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildDesc, backendDesc, certificateDesc, lostDesc, leftOutDesc, fileFailingDesc, fileFailuresDesc, fileLoadedDesc,
		lookupDesc, noticesDesc, clusterUpDesc, clusterIgnoredDesc, clusterFailuresDesc,
		lifetimeDesc, orderFailuresDesc, orderRenewalDesc, clockOffsetDesc, rolloverFailuresDesc, rolloverStepDesc, servedDesc, rejectedDesc,
	} {
		descs <- d
	}
	NewOutbound().describe(descs)
}

// Collect sends the metrics.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	o := c.status.options
	gauge(metrics, buildDesc, 1, o.Version)
	collectBackends(metrics, o.Listeners())
	collectCertificates(metrics, o.Certificates())
	orders, offset := o.Orders()
	collectOrders(metrics, orders, offset)
	collectRollovers(metrics, o.Rollovers())
	collectServed(metrics, o.Served())
	collectLog(metrics, o.Log())
	collectFiles(metrics, o.Files())
	o.Cluster().collect(metrics)
	collectLookups(metrics, o.Lookups())
	count(metrics, noticesDesc, float64(o.Notices()))
	o.Outbound().collect(metrics)
}

func collectLog(metrics chan<- prometheus.Metric, c loghandler.Counts) {
	count(metrics, lostDesc, float64(c.Failed), "failed")
	count(metrics, lostDesc, float64(c.Blocked), "blocked")
	count(metrics, leftOutDesc, float64(c.LeftOut))
}

func count(metrics chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

func gauge(metrics chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// collectBackends sends one gauge for each backend of each listener.
func collectBackends(metrics chan<- prometheus.Metric, listeners []Listener) {
	type labels struct{ service, listener, backend string }
	up := make(map[labels]float64)
	for _, l := range listeners {
		for _, b := range l.Backends {
			up[labels{l.Service, l.Address, b.Address}] = map[bool]float64{true: 1}[b.Up]
		}
	}
	for at, value := range up {
		gauge(metrics, backendDesc, value, at.service, at.listener, at.backend)
	}
}

// collectCertificates sends the gauges of each name and key; if several
// certificates share them, of the first to expire.
func collectCertificates(metrics chan<- prometheus.Metric, certificates []CertificateInfo) {
	type labels struct{ name, key string }
	first := make(map[labels]CertificateInfo)
	for _, c := range certificates {
		at := labels{key: c.Key}
		if len(c.Names) > 0 {
			at.name = strings.ToValidUTF8(c.Names[0], "\uFFFD")
		}
		if have, seen := first[at]; !seen || c.NotAfter.Before(have.NotAfter) {
			first[at] = c
		}
	}
	for at, c := range first {
		gauge(metrics, certificateDesc, float64(c.NotAfter.Unix()), at.name, at.key)
		gauge(metrics, lifetimeDesc, c.NotAfter.Sub(c.NotBefore).Seconds(), at.name, at.key)
	}
}

// results are the values of the label result. Only failed means a wrong
// password.
var results = map[gate.Outcome]string{
	gate.Accepted: "ok", gate.WrongPassword: "failed", gate.Unavailable: "unavailable", gate.Rejected: "refused",
}
