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
		level   string
		inClear bool
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
	securedDesc   = describe("outbound_tls_handshakes_total", "Completed TLS handshakes with other servers, by how far these are known and the level in force.", "trust", "level")
	unsecuredDesc = describe("outbound_tls_failures_total", "TLS that other servers offered and that did not come about, by the level in force and whether the mail went on in clear.", "level", "in_clear")
	messagesDesc  = describe("outbound_messages_total", "Messages to a domain, by TLS and by what became of them.", "tls", "outcome")
)

// Secured counts a handshake with another server.
func (o *Outbound) Secured(trust, level string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secured[secured{trust, level}]++
}

// Unsecured counts TLS that was offered and did not come about.
func (o *Outbound) Unsecured(level string, inClear bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsecured[unsecured{level, inClear}]++
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
	count(metrics, unsecuredDesc, o.unsecured, func(k unsecured) []string { return []string{k.level, strconv.FormatBool(k.inClear)} })
	count(metrics, messagesDesc, o.messages, func(k message) []string { return []string{strconv.FormatBool(k.tls), k.outcome} })
}
