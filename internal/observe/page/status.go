package page

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/observe/timeline"
	"github.com/letterlock/letterlock/internal/whatif"
)

// Options are the values that a Status shows in addition to the events.
type Options struct {
	Version string        // of the program; may be empty
	Health  health.Checks // of the proxy

	// These functions are called for each request, so that reloads are visible.
	// They may be nil.
	Hostname     func() string // the proxy's own name
	Listeners    func() []Listener
	Certificates func() []CertificateInfo
	Files        func() []File
	Orders       func() (all []Order, clockOffset time.Duration) // certificates from a CA
	Rollovers    func() []Rollover                               // changes of keys with TLSA records
	Served       func() []ServedCheck                            // what the listeners serve, as clients see it
	Outbound     func() *Outbound                                // the counts of smarthosts
	Cluster      func() *Cluster                                 // the store; nil: none is configured
	Lookups      func() []Lookup                                 // the lookups of backends
	Log          func() loghandler.Counts
	Open         func(f func(*observe.Open)) // calls f for every open session
	Endings      func() []history.Ending     // the sessions that have ended, the newest first
	Failures     func() []admin.Failure      // the failed logins that count, the most first

	Notices func() uint64 // notices that users got

	Timeline *timeline.Timeline // of the last hour, day and week; nil: it is not shown
	Guard    *access.Guard      // nil: everything may be read
	Actions  http.Handler       // the requests that change something; nil: none

	// Policies lists the policies that WhatIf takes. WhatIf reports which clients a
	// policy would refuse; nil: that is not shown.
	Policies func() []string
	WhatIf   func(policy string) (whatif.Answer, error)
}

// Status is the observe.Observer that counts. Its methods may be called from
// any goroutine and block only briefly.
type Status struct {
	options Options
	started time.Time
	streams chan struct{} // one for each open stream of events
	asking  chan struct{} // one for the answer of WhatIf that is computed

	counts *counts
}

// New returns a Status without any events.
func New(o Options) *Status {
	if o.Hostname == nil {
		o.Hostname = func() string { return "" }
	}
	if o.Listeners == nil {
		o.Listeners = func() []Listener { return nil }
	}
	if o.Log == nil {
		o.Log = func() loghandler.Counts { return loghandler.Counts{} }
	}
	if o.Outbound == nil {
		o.Outbound = func() *Outbound { return nil }
	}
	if o.Lookups == nil {
		o.Lookups = func() []Lookup { return nil }
	}
	if o.Cluster == nil {
		o.Cluster = func() *Cluster { return nil }
	}
	if o.Files == nil {
		o.Files = func() []File { return nil }
	}
	if o.Orders == nil {
		o.Orders = func() ([]Order, time.Duration) { return nil, 0 }
	}
	if o.Rollovers == nil {
		o.Rollovers = func() []Rollover { return nil }
	}
	if o.Served == nil {
		o.Served = func() []ServedCheck { return nil }
	}
	if o.Certificates == nil {
		o.Certificates = func() []CertificateInfo { return nil }
	}
	if o.Open == nil {
		o.Open = func(func(*observe.Open)) {}
	}
	if o.Endings == nil {
		o.Endings = func() []history.Ending { return nil }
	}
	if o.Notices == nil {
		o.Notices = func() uint64 { return 0 }
	}
	if o.Failures == nil {
		o.Failures = func() []admin.Failure { return nil }
	}
	return &Status{options: o, started: time.Now(), counts: newCounts(), streams: make(chan struct{}, maxStreams), asking: make(chan struct{}, 1)}
}

var _ observe.Observer = (*Status)(nil)

// Opened counts the session.
func (s *Status) Opened(info *observe.Session) {
	service := info.Listener.Service
	s.counts.opened.WithLabelValues(service).Inc()
	s.counts.open.WithLabelValues(service).Inc()
}

// TLSEstablished counts a completed handshake.
func (s *Status) TLSEstablished(info *observe.Session) {
	service, p := info.Listener.Service, parametersOf(info.TLS)
	s.counts.handshakes.WithLabelValues(service, p.version, p.suite, p.group).Inc()
	if info.Exception != "" {
		s.counts.exceptions.WithLabelValues(service, info.Exception, strconv.FormatBool(info.ExceptionNeeded)).Inc()
	}
	if info.TLS.DidResume {
		s.counts.resumed.WithLabelValues(service).Inc()
	}
}

// HandshakeFailed counts a failed handshake.
func (s *Status) HandshakeFailed(info *observe.Session, _ observe.Offer, err error) {
	s.counts.failures.WithLabelValues(info.Listener.Service, observe.FailureOf(err)).Inc()
}

// LoginRefused counts commands that were refused because they need TLS.
func (s *Status) LoginRefused(info *observe.Session, command string) {
	s.counts.refused.WithLabelValues(info.Listener.Service, oneOf(commands, command)).Inc()
}

// Login counts the backend's reply to a login.
func (s *Status) Login(info *observe.Session, _, mechanism string, a gate.Answer) {
	s.counts.logins.WithLabelValues(info.Listener.Service, oneOf(mechanisms, mechanism), results[a.Outcome]).Inc()
}

// Closed counts a session that has ended.
func (s *Status) Closed(info *observe.Session, end observe.Summary) {
	s.counts.ended(info, end)
	if end.Silent(info) {
		s.counts.silent.WithLabelValues(info.Listener.Service).Inc()
	}
}

// Denied counts a login that the proxy itself has refused.
func (s *Status) Denied(info *observe.Session, _, _ string, _ error) {
	s.counts.denied.WithLabelValues(info.Listener.Service).Inc()
}

// Rejected counts a sender or a recipient that was refused.
func (s *Status) Rejected(info *observe.Session, r gate.Rejection) {
	by := "backend"
	if r.Ours {
		by = "letterlock"
	}
	s.counts.rejections.WithLabelValues(info.Listener.Service, oneOf(commands, r.Command), by).Inc()
}

// Message counts a message by its outcome.
func (s *Status) Message(info *observe.Session, m gate.Message) {
	s.counts.messages.WithLabelValues(info.Listener.Service, m.Outcome()).Inc()
}

// ConnectionRejected counts a connection that was closed at a limit.
func (s *Status) ConnectionRejected(listener *observe.Listener, _ netip.AddrPort, _ string) {
	s.counts.rejected.WithLabelValues(listener.Service).Inc()
}

// HeaderFailed counts a connection of a load balancer without a PROXY header. It
// counts connections without a byte apart from the others.
func (s *Status) HeaderFailed(listener *observe.Listener, _ netip.AddrPort, err error) {
	if errors.Is(err, observe.ErrSilent) {
		s.counts.silent.WithLabelValues(listener.Service).Inc()
		return
	}
	s.counts.headerless.WithLabelValues(listener.Service).Inc()
}
