package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/wire"
)

// handshake starts TLS. It takes a turn for each part of the handshake that
// computes.
func (ses *session) handshake(conn net.Conn) (*tls.Conn, error) {
	deadline := ses.handshakeDeadline(time.Now())
	ses.front.ReadBy(deadline)
	_ = conn.SetWriteDeadline(deadline)
	ses.askName()
	turn := ses.rules().turns[ses.listener.Service].New(deadline, ses.talk.ctx.Done())
	pending := &pendingHandshake{turn: turn, implicit: ses.listener.Implicit}
	under := &handshakeConn{wire.NewRecords(conn), pending}
	t := tls.Server(under, ses.tlsConfig(time.Now()))
	err := t.Handshake()
	offer := under.finish()
	if err != nil && !pending.received && ses.front.Received() == 0 && gate.ReasonOf(gate.FromClient(err)) == gate.ClientGone {
		return nil, gate.Because(gate.ClientGone, err) // the client has only checked whether the port is open
	}
	if err != nil {
		err = ses.explain(err, pending.last)
		name := ses.name.Confirmed()
		ses.note(func(info *observe.Session) { info.HostName = name })
		ses.origin.observer.HandshakeFailed(&ses.info, offer, err)
		if _, ok := errors.AsType[wire.Foreign](err); ok {
			return nil, gate.FromClient(err)
		}
		return nil, gate.Because(gate.HandshakeFailed, err)
	}
	_ = conn.SetDeadline(time.Time{})
	ses.secured(t.ConnectionState(), offer)
	ses.origin.observer.TLSEstablished(&ses.info)
	return t, nil
}

// secured notes the result of the handshake.
func (ses *session) secured(state tls.ConnectionState, offer observe.Offer) {
	certificate, name := ses.listener.clientCertificate(&state), ses.name.Confirmed()
	needed := ses.exception != nil && !ses.exception.Allowed(&state)
	ses.note(func(info *observe.Session) {
		info.TLS, info.Offered = &state, offer.Sum()
		info.ClientCertificate, info.HostName, info.ExceptionNeeded = certificate, name, needed
	})
}

// handshakeDeadline returns the end of the time for a handshake. It begins when the
// connection is accepted, or else with the command that starts TLS.
func (ses *session) handshakeDeadline(now time.Time) time.Time {
	if ses.listener.Implicit {
		now = ses.info.Opened
	}
	return now.Add(ses.rules().Timeouts.Handshake)
}

// offeredTLS is a TLS configuration as it is offered to clients: it keeps each client's
// own offer for the log, and does not ask some clients for a certificate.
type offeredTLS struct {
	config  *tls.Config
	quiet   *tls.Config // without asking for a certificate; nil: no client is asked
	unasked *unasked
}

func newOfferedTLS(config *tls.Config) offeredTLS {
	o := offeredTLS{config: keepingOffers(config), unasked: newUnasked(config)}
	if o.unasked != nil {
		quiet := config.Clone()
		quiet.ClientAuth = tls.NoClientCert
		o.quiet = keepingOffers(quiet)
	}
	return o
}

// of returns the configuration for a client.
func (h offeredTLS) of(client netip.Addr, now time.Time) *tls.Config {
	if h.unasked.has(client, now) {
		return h.quiet
	}
	return h.config
}

// offer returns the TLS of the policy exception that applies to the session's client,
// or else of the listener.
func (ses *session) offer() offeredTLS {
	if ses.exception != nil {
		return ses.exception.offer
	}
	return ses.listener.offer
}

// tlsConfig returns the TLS configuration for the session, and notes the exception
// that applies to its client.
func (ses *session) tlsConfig(now time.Time) *tls.Config {
	if ses.exception = ses.listener.exception(ses.info.Client.Addr(), now); ses.exception != nil {
		ses.note(func(info *observe.Session) { info.Exception, info.Policy = ses.exception.Name, ses.exception.Policy })
	}
	return ses.offer().of(ses.info.Client.Addr(), now)
}

// explain returns why the session's handshake has failed: the client's alert, if
// there is one, and that the client is not asked for a certificate from now on.
func (ses *session) explain(err error, last tail) error {
	return ses.offer().unasked.learn(ses.info.Client.Addr(), last.explain(err), time.Now())
}

// authAllowed implements gate.Session.AuthAllowed, by the rule of the exception that
// applies to the client, or else of the listener.
func (ses *session) authAllowed(state *tls.ConnectionState) bool {
	if ses.exception != nil {
		return ses.exception.AuthAllowed(state)
	}
	return ses.listener.AuthAllowed(state)
}
