package page

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/letterlock/letterlock/internal/observe"
)

// counts are the metrics of sessions, since the start. The page and the JSON
// read them, so that all show the same values. Labels come from closed
// vocabularies.
type counts struct {
	registry *prometheus.Registry

	open      *prometheus.GaugeVec     // by service
	durations *prometheus.HistogramVec // by service

	// Counters by service.
	opened, resumed, rejected, silent, headerless, received, sent, denied *prometheus.CounterVec

	// Counters by service, and by further labels.
	closed     *prometheus.CounterVec // TLS version (none in plaintext) and reason
	handshakes *prometheus.CounterVec // version, suite and group
	failures   *prometheus.CounterVec // class
	exceptions *prometheus.CounterVec // exception, and whether it was needed
	refused    *prometheus.CounterVec // command
	logins     *prometheus.CounterVec // mechanism and result
	messages   *prometheus.CounterVec // outcome
	rejections *prometheus.CounterVec // command, and whether the backend or the proxy refused
}

// durationBounds are the upper bounds of a histogram's buckets in seconds: from
// a monitor's connection to a phone that idles for a day.
var durationBounds = []float64{0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 28800, 86400}

func newCounts() *counts {
	c := &counts{registry: prometheus.NewRegistry()}
	c.open = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "sessions_open", Help: "Sessions that are open."}, []string{"service"})
	c.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: prefix + "session_duration_seconds", Help: "How long sessions lasted.", Buckets: durationBounds,
	}, []string{"service"})
	c.registry.MustRegister(c.open, c.durations)
	c.opened = c.counter("sessions_opened_total", "Sessions since the start.")
	c.closed = c.counter("sessions_closed_total", "Ended sessions by TLS version (none: plaintext) and by the reason of their end.", "tls", "reason")
	c.rejected = c.counter("connections_rejected_total", "Connections that were closed at a limit.")
	c.silent = c.counter("connections_silent_total", "Connections that were closed without a byte, as load balancers and monitors do.")
	c.headerless = c.counter("connections_without_header_total", "Connections of load balancers without a valid PROXY header.")
	c.received = c.counter("received_bytes_total", "Bytes from clients, inside TLS; counted when sessions end.")
	c.sent = c.counter("sent_bytes_total", "Bytes to clients, inside TLS; counted when sessions end.")
	c.handshakes = c.counter("tls_handshakes_total", "Completed TLS handshakes.", "version", "suite", "group")
	c.resumed = c.counter("tls_resumed_total", "Completed TLS handshakes that resumed a session.")
	c.failures = c.counter("tls_handshake_failures_total", "Failed TLS handshakes.", "class")
	c.exceptions = c.counter("exception_handshakes_total", "Completed TLS handshakes of clients in an exception, by whether the listener's own policy would have refused them.", "exception", "needed")
	c.refused = c.counter("refused_before_tls_total", "Commands refused because they need TLS.", "command")
	c.logins = c.counter("logins_total", "Logins by the reply of the backend: ok, failed (a wrong password), unavailable, refused (for another reason).", "mechanism", "result")
	c.denied = c.counter("logins_denied_total", "Logins that the proxy itself has refused: after too many failures, or for weak TLS, a mechanism that is not offered, a user without a route, or a lookup that refused or failed.")
	c.messages = c.counter("messages_total", "Messages by outcome: accepted, deferred, refused, or lost before the verdict.", "outcome")
	c.rejections = c.counter("refused_addresses_total", "Senders (MAIL) and recipients (RCPT) that were refused, by the backend or by the proxy.", "command", "by")
	return c
}

// counter registers a counter by service, and by further labels.
func (c *counts) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, append([]string{"service"}, labels...))
	c.registry.MustRegister(v)
	return v
}

// ended counts a session that has ended.
func (c *counts) ended(s *observe.Session, end observe.Summary) {
	service := s.Listener.Service
	c.open.WithLabelValues(service).Dec()
	c.closed.WithLabelValues(service, parametersOf(s.TLS).version, end.Reason.String()).Inc()
	c.received.WithLabelValues(service).Add(float64(max(end.Received, 0)))
	c.sent.WithLabelValues(service).Add(float64(max(end.Sent, 0)))
	c.durations.WithLabelValues(service).Observe(max(time.Since(s.Opened), 0).Seconds())
}

// show creates the counts of a service with zero values: Prometheus computes a
// rate only from a count that existed before.
func (c *counts) show(service string) {
	c.open.WithLabelValues(service)
	c.durations.WithLabelValues(service)
	for _, v := range []*prometheus.CounterVec{c.opened, c.resumed, c.rejected, c.silent, c.headerless, c.received, c.sent} {
		v.WithLabelValues(service)
	}
}

// row is one count with its labels.
type row struct {
	labels map[string]string
	count  uint64
}

// snapshot returns the current counts by the name of their metric, without the
// prefix. It omits histograms.
func (c *counts) snapshot() (map[string][]row, error) {
	families, err := c.registry.Gather()
	if err != nil {
		return nil, err
	}
	rows := make(map[string][]row)
	for _, family := range families {
		name := family.GetName()[len(prefix):]
		for _, m := range family.GetMetric() {
			if m.GetHistogram() == nil {
				rows[name] = append(rows[name], rowOf(m))
			}
		}
	}
	return rows, nil
}

func rowOf(m *dto.Metric) row {
	r := row{labels: make(map[string]string), count: uint64(max(0, m.GetCounter().GetValue()+m.GetGauge().GetValue()))}
	for _, pair := range m.GetLabel() {
		r.labels[pair.GetName()] = pair.GetValue()
	}
	return r
}
