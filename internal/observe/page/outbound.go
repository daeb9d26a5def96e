package page

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Outbound counts what smarthosts do, since the start. Its labels come from
// closed vocabularies.
type Outbound struct {
	mu        sync.Mutex
	secured   tally[secured]
	unsecured tally[unsecured]
	messages  tally[message]
}

type (
	secured   struct{ trust, level string }
	unsecured struct {
		level     string
		plaintext bool
	}
	message struct {
		tls     bool
		outcome string
	}
)

// NewOutbound has counted nothing yet.
func NewOutbound() *Outbound {
	return &Outbound{secured: tally[secured]{}, unsecured: tally[unsecured]{}, messages: tally[message]{}}
}

var (
	securedDesc   = describe("outbound_tls_handshakes_total", "Completed TLS handshakes with other servers, by the trust in their certificates and the level in force.", "trust", "level")
	unsecuredDesc = describe("outbound_tls_failures_total", "Failed TLS handshakes with other servers, by the level in force and by whether the mail was sent in plaintext.", "level", "plaintext")
	messagesDesc  = describe("outbound_messages_total", "Messages to a domain, by TLS and by outcome.", "tls", "outcome")
)

// Secured counts a handshake with another server.
func (o *Outbound) Secured(trust, level string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secured[secured{trust, level}]++
}

// Unsecured counts TLS that was offered and did not come about.
func (o *Outbound) Unsecured(level string, plaintext bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsecured[unsecured{level, plaintext}]++
}

// Message counts a message to a domain: sent, deferred or refused.
func (o *Outbound) Message(tls bool, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages[message{tls, outcome}]++
}

// collect sends the counts; a nil Outbound has none.
func (o *Outbound) collect(metrics chan<- prometheus.Metric) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	count(metrics, securedDesc, o.secured, func(k secured) []string { return []string{k.trust, k.level} })
	count(metrics, unsecuredDesc, o.unsecured, func(k unsecured) []string { return []string{k.level, strconv.FormatBool(k.plaintext)} })
	count(metrics, messagesDesc, o.messages, func(k message) []string { return []string{strconv.FormatBool(k.tls), k.outcome} })
}
