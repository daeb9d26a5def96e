package app

import (
	"context"
	"log/slog"

	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/smtp/smarthost"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// deliveryLog logs and counts the deliveries of a smarthost, in the words of
// Postfix's log where there are any.
type deliveryLog struct {
	log     *slog.Logger
	session string // its id
	service string
	counts  *page.Outbound
}

// Secured logs a handshake as Postfix's client does with smtp_tls_loglevel=1.
func (d deliveryLog) Secured(h smarthost.Handshake) {
	d.counts.Secured(h.Verdict.Trust.String(), h.Level.String())
	fields := []slog.Attr{slog.String("session", d.session), slog.String("service", d.service), slog.String("level", h.Level.String()), slog.Bool("resumed", h.State.DidResume)}
	level := slog.LevelInfo
	if h.Verdict.Err != nil {
		fields = append(fields, slog.Any("certificate_error", h.Verdict.Err))
	}
	if h.Testing && h.Verdict.Err != nil {
		level = slog.LevelWarn
		fields = append(fields, slog.String("mta_sts", "the policy is in testing, and would refuse this server"))
	}
	d.log.LogAttrs(context.Background(), level, h.Verdict.Trust.String()+" TLS connection established to "+h.Server.String()+": "+tlspolicy.Describe(h.State)+" key-exchange "+tlspolicy.KeyExchange(h.State), fields...)
}

// Unsecured logs a server with which no TLS was established.
func (d deliveryLog) Unsecured(server smarthost.Server, level outbound.Level, plaintext bool, err error) {
	d.counts.Unsecured(level.String(), plaintext)
	then := "the server is left"
	if plaintext {
		then = "the mail goes on in plaintext"
	}
	d.log.Warn("Cannot start TLS with "+server.String(), "session", d.session, "service", d.service, "level", level.String(), "error", err, "then", then)
}

// Ended logs the result of a message for one domain.
func (d deliveryLog) Ended(e smarthost.Delivery) {
	outcome := map[byte]string{'2': "sent", '4': "deferred", '5': "refused"}[e.Reply[0]]
	d.counts.Message(e.TLS != nil, outcome)
	with := "none"
	if e.TLS != nil {
		with = tlspolicy.Version(e.TLS.Version).String()
	}
	fields := []any{"session", d.session, "service", d.service, "domain", e.Domain, "relay", e.Server.String(), "tls", with, "recipients", e.Recipients, "reply", loghandler.Long(e.Reply)}
	if e.Device != "" {
		fields = append(fields, "device", e.Device)
	}
	if e.Use > 1 {
		fields = append(fields, "conn_use", e.Use)
	}
	if e.Relaxed {
		fields = append(fields, "tls_required", "no")
	}
	if e.Remedy != "" {
		fields = append(fields, "remedy", loghandler.Whole(e.Remedy))
	}
	d.log.Info("mail "+outcome, fields...)
}

// observerOf returns the observer of a session's deliveries: the log, and the
// observer of all deliveries if there is one.
func (m *maintenance) observerOf(log deliveryLog) smarthost.Observer {
	if m.deliveries == nil {
		return log
	}
	return deliveryObservers{log, m.deliveries}
}

// deliveryObservers pass each event on to all of them, in order.
type deliveryObservers []smarthost.Observer

func (all deliveryObservers) Secured(h smarthost.Handshake) {
	for _, o := range all {
		o.Secured(h)
	}
}

func (all deliveryObservers) Unsecured(server smarthost.Server, level outbound.Level, plaintext bool, err error) {
	for _, o := range all {
		o.Unsecured(server, level, plaintext, err)
	}
}

func (all deliveryObservers) Ended(d smarthost.Delivery) {
	for _, o := range all {
		o.Ended(d)
	}
}
