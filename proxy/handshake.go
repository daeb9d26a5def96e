package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// turn is a slot among the handshakes that compute. It is held while there
// is something to compute and given up for every wait: a client that falls
// silent keeps nobody from shaking hands.
type turn struct {
	turns turns
	until time.Time
	ended <-chan struct{} // closed when the session is stopped
	held  chan struct{}   // which of the turns it has; nil: none
	first bool            // nothing has come yet on a connection that has to begin with TLS
}

// turns are tokens for handshakes: those that a service has for itself, and
// those that are for all.
type turns struct{ own, common chan struct{} }

var errTooManyHandshakes = errors.New("too many handshakes at once (limits.handshakes)")

// take waits for a turn, until the handshake's time is over.
func (t *turn) take() error {
	select {
	case t.turns.own <- struct{}{}:
		t.held = t.turns.own
		return nil
	case t.turns.common <- struct{}{}:
		t.held = t.turns.common
		return nil
	default:
	}
	wait := time.NewTimer(time.Until(t.until))
	defer wait.Stop()
	select {
	case t.turns.own <- struct{}{}:
		t.held = t.turns.own
	case t.turns.common <- struct{}{}:
		t.held = t.turns.common
	case <-wait.C:
		return errTooManyHandshakes
	case <-t.ended:
		return net.ErrClosed
	}
	return nil
}

func (t *turn) give() {
	if t.held != nil {
		<-t.held
		t.held = nil
	}
}

// handshake turns TLS on, with a turn for each part of it that computes.
func (ses *session) handshake(conn net.Conn) (*tls.Conn, error) {
	s := ses.server
	deadline := time.Now().Add(ses.rules().Timeouts.Handshake)
	ses.front.ReadBy(deadline)
	_ = conn.SetWriteDeadline(deadline)
	ses.askName()
	heard := &heardConn{Records: wire.NewRecords(conn), turn: &turn{turns: ses.rules().turns[ses.listener.Service], until: deadline, ended: ses.talk.ctx.Done()}}
	heard.turn.first = ses.listener.Implicit
	t := tls.Server(heard, ses.terms(time.Now()))
	err := t.Handshake()
	last := heard.tail
	offer := heard.end()
	if err != nil && last == nil && ses.front.Received() == 0 && gate.ReasonOf(gate.FromClient(err)) == gate.ClientGone {
		return nil, gate.Because(gate.ClientGone, err) // it has only looked whether somebody listens
	}
	if err != nil {
		err = ses.explain(err, last)
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
	s.Observer.TLSEstablished(&ses.info)
	return t, nil
}
