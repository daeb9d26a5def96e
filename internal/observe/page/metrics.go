package page

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// The metrics. Their labels come from the vocabularies. The labels of a certificate
// are its first name and its key.
var (
	buildDesc       = describe("build_info", "A constant 1 with the version of the program.", "version")
	openDesc        = describe("sessions_open", "Sessions that are open.", "service")
	openedDesc      = describe("sessions_opened_total", "Sessions since the start.", "service")
	closedDesc      = describe("sessions_closed_total", "Ended sessions by TLS version (none: plaintext) and by the reason of their end.", "service", "tls", "reason")
	durationDesc    = describe("session_duration_seconds", "How long sessions lasted.", "service")
	rejectedDesc    = describe("connections_rejected_total", "Connections that were closed at a limit.", "service")
	deniedDesc      = describe("logins_denied_total", "Logins that the proxy itself has refused: after too many failures, or for weak TLS, a mechanism that is not offered, or a user without a route.", "service")
	mailDesc        = describe("messages_total", "Messages by outcome: accepted, deferred, refused, or lost before the verdict.", "service", "outcome")
	rejectionsDesc  = describe("refused_addresses_total", "Senders (MAIL) and recipients (RCPT) that were refused, by the backend or by the proxy.", "service", "command", "by")
	silentDesc      = describe("connections_silent_total", "Connections that were closed without a byte, as load balancers and monitors do.", "service")
	headerlessDesc  = describe("connections_without_header_total", "Connections of load balancers without a valid PROXY header.", "service")
	lostDesc        = describe("log_lines_lost_total", "Log lines that could not be written, because writing failed or the reader of the log did not read.", "reason")
	leftOutDesc     = describe("log_lines_left_out_total", "Log lines of clients that were left out, because their network, or all networks, had caused too many (log.rate).")
	receivedDesc    = describe("received_bytes_total", "Bytes from clients, inside TLS; counted when sessions end.", "service")
	sentDesc        = describe("sent_bytes_total", "Bytes to clients, inside TLS; counted when sessions end.", "service")
	handshakesDesc  = describe("tls_handshakes_total", "Completed TLS handshakes.", "service", "version", "suite", "group")
	resumedDesc     = describe("tls_resumed_total", "Completed TLS handshakes that resumed a session.", "service")
	failuresDesc    = describe("tls_handshake_failures_total", "Failed TLS handshakes.", "service", "class")
	refusedDesc     = describe("refused_before_tls_total", "Commands refused because they need TLS.", "service", "command")
	loginsDesc      = describe("logins_total", "Logins by the reply of the backend: ok, failed (a wrong password), unavailable, refused (for another reason).", "service", "mechanism", "result")
	backendDesc     = describe("backend_up", "Whether a backend has replied when it was last tried; 1 if it was not tried yet.", "service", "listener", "backend")
	certificateDesc = describe("certificate_expiry_timestamp_seconds", "When a certificate expires.", "name", "key")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("letterlock_"+name, help, labels, nil)
}

// collector gives Prometheus the same counts that the page shows.
type collector struct{ status *Status }

// newRegistry holds our metrics and those of the Go runtime and the process.
func newRegistry(s *Status) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Describe names all metrics.
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildDesc, openDesc, openedDesc, closedDesc, durationDesc, rejectedDesc, silentDesc, headerlessDesc, receivedDesc, sentDesc,
		handshakesDesc, resumedDesc, failuresDesc, refusedDesc, loginsDesc, backendDesc, certificateDesc,
		lostDesc, leftOutDesc, deniedDesc, mailDesc, rejectionsDesc,
		exceptionDesc, fileFailingDesc, fileFailuresDesc, fileLoadedDesc,
		securedDesc, unsecuredDesc, messagesDesc,
	} {
		descs <- d
	}
}

// Collect sends the counts of this moment.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	listeners := c.status.options.Listeners()
	counts := c.status.snapshot(listeners)
	gauge(metrics, buildDesc, 1, c.status.options.Version)
	for service, n := range counts.open {
		gauge(metrics, openDesc, float64(n), service)
	}
	for service, h := range counts.durations {
		metrics <- prometheus.MustNewConstHistogram(durationDesc, h.count, h.sum, h.cumulative(), service)
	}
	byService := func(name string) []string { return []string{name} }
	count(metrics, openedDesc, counts.opened, byService)
	count(metrics, rejectedDesc, counts.rejected, byService)
	count(metrics, deniedDesc, counts.denied, byService)
	count(metrics, mailDesc, counts.messages, func(m mail) []string { return []string{m.service, m.outcome} })
	count(metrics, rejectionsDesc, counts.rejections, func(r rejection) []string { return []string{r.service, r.command, r.by} })
	count(metrics, silentDesc, counts.silent, byService)
	count(metrics, headerlessDesc, counts.headerless, byService)
	count(metrics, receivedDesc, counts.received, byService)
	count(metrics, sentDesc, counts.sent, byService)
	count(metrics, resumedDesc, counts.resumed, byService)
	count(metrics, closedDesc, counts.outcomes, func(o outcome) []string { return []string{o.service, o.version, o.reason.String()} })
	count(metrics, handshakesDesc, counts.handshakes, func(h handshake) []string { return []string{h.service, h.version, h.suite, h.group} })
	count(metrics, failuresDesc, counts.failures, func(f failed) []string { return []string{f.service, f.class} })
	count(metrics, refusedDesc, counts.refused, func(r refusal) []string { return []string{r.service, r.command} })
	count(metrics, loginsDesc, counts.logins, func(l login) []string { return []string{l.service, l.mechanism, results[l.outcome]} })
	collectBackends(metrics, listeners)
	collectCertificates(metrics, c.status.options.Certificates())
	collectExceptions(metrics, counts.exceptions)
	collectLog(metrics, c.status.options.Log())
	c.status.options.Outbound().collect(metrics)
	collectFiles(metrics, c.status.options.Files())
}

func collectLog(metrics chan<- prometheus.Metric, c loghandler.Counts) {
	count(metrics, lostDesc, tally[string]{"failed": c.Failed, "blocked": c.Blocked}, func(reason string) []string { return []string{reason} })
	count(metrics, leftOutDesc, tally[string]{"": c.LeftOut}, func(string) []string { return nil })
}

// count sends a counter for each key of a tally.
func count[K comparable](metrics chan<- prometheus.Metric, desc *prometheus.Desc, t tally[K], labels func(K) []string) {
	for key, n := range t {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels(key)...)
	}
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

// collectCertificates sends one gauge for each name and key, and of several
// certificates that share them the first to expire.
func collectCertificates(metrics chan<- prometheus.Metric, certificates []CertificateInfo) {
	type labels struct{ name, key string }
	expiry := make(map[labels]int64)
	for _, c := range certificates {
		at := labels{key: c.Key}
		if len(c.Names) > 0 {
			at.name = strings.ToValidUTF8(c.Names[0], "\uFFFD")
		}
		if first, seen := expiry[at]; !seen || c.NotAfter.Unix() < first {
			expiry[at] = c.NotAfter.Unix()
		}
	}
	for at, unix := range expiry {
		gauge(metrics, certificateDesc, float64(unix), at.name, at.key)
	}
}

// cumulative has in each bucket those below it too, as Prometheus wants it.
func (h histogram) cumulative() map[float64]uint64 {
	buckets, below := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, bound := range bounds {
		below += h.buckets[i]
		buckets[bound] = below
	}
	return buckets
}

// results are the values of the label: a failed login is one with a wrong
// password. The others are no reason to suspect the client.
var results = map[gate.Outcome]string{
	gate.Accepted: "ok", gate.WrongPassword: "failed", gate.Unavailable: "unavailable", gate.Rejected: "refused",
}
