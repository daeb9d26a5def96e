package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// handshake turns TLS on, with a turn for each part of it that computes.
func (ses *session) handshake(conn net.Conn) (*tls.Conn, error) {
	s := ses.server
	deadline := time.Now().Add(ses.rules().Timeouts.Handshake)
	ses.front.ReadBy(deadline)
	_ = conn.SetWriteDeadline(deadline)
	ses.askName()
	turn := ses.rules().turns[ses.listener.Service].New(deadline, ses.talk.ctx.Done())
	pending := &pendingHandshake{turn: turn, implicit: ses.listener.Implicit}
	under := &handshakeConn{wire.NewRecords(conn), pending}
	t := tls.Server(under, ses.terms(time.Now()))
	err := t.Handshake()
	offer := under.end()
	if err != nil && !pending.received && ses.front.Received() == 0 && gate.ReasonOf(gate.FromClient(err)) == gate.ClientGone {
		return nil, gate.Because(gate.ClientGone, err) // it has only looked whether somebody listens
	}
	if err != nil {
		err = ses.explain(err, pending.last)
		ses.info.HostName = ses.name.Confirmed()
		s.Observer.HandshakeFailed(&ses.info, offer, err)
		if _, ok := errors.AsType[wire.Foreign](err); ok {
			return nil, gate.FromClient(err)
		}
		return nil, gate.Because(gate.HandshakeFailed, err)
	}
	_ = conn.SetDeadline(time.Time{})
	ses.info.Offered = offer.Sum()
	state := t.ConnectionState()
	ses.info.TLS = &state
	ses.info.ClientCertificate = ses.listener.clientCertificate(&state)
	ses.info.ExceptionNeeded = ses.exception != nil && !ses.exception.Allowed(&state)
	ses.info.HostName = ses.name.Confirmed()
	s.Observer.TLSEstablished(&ses.info)
	return t, nil
}
