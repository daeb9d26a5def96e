package page

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Outbound counts the events of smarthosts, since the start. Its labels come
// from closed vocabularies.
type Outbound struct{ secured, unsecured, messages, reports *prometheus.CounterVec }

// NewOutbound returns an Outbound that has counted nothing yet.
func NewOutbound() *Outbound {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	}
	return &Outbound{
		counter("outbound_tls_handshakes_total", "Completed TLS handshakes with other servers, by the trust in their certificates and the level in force.", "trust", "level"),
		counter("outbound_tls_failures_total", "Failed TLS handshakes with other servers, by the level in force and by whether the mail was sent in plaintext.", "level", "plaintext"),
		counter("outbound_messages_total", "Messages to a domain, by TLS and by outcome.", "tls", "outcome"),
		counter("outbound_reports_total", "Attempts to send a report about TLS to a domain, by outcome.", "outcome"),
	}
}

// Secured counts a handshake with another server.
func (o *Outbound) Secured(trust, level string) { o.secured.WithLabelValues(trust, level).Inc() }

// Unsecured counts handshakes that failed although the server offered TLS.
func (o *Outbound) Unsecured(level string, plaintext bool) {
	o.unsecured.WithLabelValues(level, strconv.FormatBool(plaintext)).Inc()
}

// Message counts a message to a domain: sent, deferred or refused.
func (o *Outbound) Message(tls bool, outcome string) {
	o.messages.WithLabelValues(strconv.FormatBool(tls), outcome).Inc()
}

// Report counts an attempt to send a report about TLS: sent, deferred, failed or unwanted.
func (o *Outbound) Report(outcome string) { o.reports.WithLabelValues(outcome).Inc() }

func (o *Outbound) all() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{o.secured, o.unsecured, o.messages, o.reports}
}

func (o *Outbound) describe(descs chan<- *prometheus.Desc) {
	for _, v := range o.all() {
		v.Describe(descs)
	}
}

// collect sends the counts; a nil Outbound has none.
func (o *Outbound) collect(metrics chan<- prometheus.Metric) {
	if o == nil {
		return
	}
	for _, v := range o.all() {
		v.Collect(metrics)
	}
}
