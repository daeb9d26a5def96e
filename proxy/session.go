package proxy

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base32"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// session is one client connection from accept to close.
type session struct {
	server   *Server
	listener *Listener
	info     Info
	gate     Gate
	front    *wire.Conn
	offer    Offer // of the ClientHello, kept until the handshake is decided
	relayed  traffic

	draining atomic.Bool

	mu   sync.Mutex
	back *wire.Conn // nil until dialled
}

func newSession(s *Server, l *Listener, conn net.Conn) *session {
	ses := &session{server: s, listener: l}
	ses.info = Info{ID: newID(), Listener: l, Client: addrPort(conn.RemoteAddr()), Opened: time.Now()}
	ses.front = wire.New(conn, wire.Limits{
		Line: max(s.Limits.Line, s.Limits.Token), Wait: s.Timeouts.Command, Text: s.Timeouts.Data,
		Verdict: s.Timeouts.Command, Write: s.Timeouts.Command,
	})
	ses.front.Handshake = ses.handshake
	ses.front.Deadline(ses.info.Opened.Add(s.Timeouts.Login))
	ses.gate = l.NewGate(&gate.Session{
		ID: ses.info.ID, Hostname: s.Hostname, Banner: l.Banner,
		Client: ses.info.Client, Local: addrPort(conn.LocalAddr()),
		Strong: l.Strong, Date: date, Spool: spool, Watch: ses,
		Mechanisms: gate.Mechanisms{Hidden: l.Hidden},
		Limits:     gate.Limits{Token: s.Limits.Token, Literal: s.Limits.Literal, Errors: s.Limits.Errors, Message: s.Limits.Message},
	})
	return ses
}

// run is the session from its first to its last word.
func (ses *session) run() {
	ses.server.Observer.Opened(&ses.info)
	err := ses.converse()
	ses.gate.Refuse(ses.front, gate.ReasonOf(err))
	end := Summary{
		Received: ses.front.Received() + ses.relayed.up.Load(),
		Sent:     ses.front.Sent() + ses.relayed.down.Load(),
		Reason:   gate.ReasonOf(err),
		Err:      errors.Unwrap(err),
	}
	_ = ses.front.Close()
	if ses.back != nil {
		ses.back.Abort()
	}
	ses.server.Observer.Closed(&ses.info, end)
}

func (ses *session) converse() error {
	if ses.listener.Implicit {
		if err := ses.front.Start(); err != nil {
			return gate.Because(gate.HandshakeFailed, err)
		}
	}
	if err := ses.gate.Secure(ses.front); err != nil {
		return err
	}
	back, err := ses.dial()
	if err != nil {
		return gate.Because(gate.BackendDown, err)
	}
	if err := ses.gate.Open(back); err != nil {
		return err
	}
	if err := ses.gate.Settle(ses.front, back); err != nil {
		return err
	}
	return ses.relay()
}

// handshake turns TLS on, when its turn has come.
func (ses *session) handshake(conn net.Conn) (*tls.Conn, error) {
	deadline := time.Now().Add(ses.server.Timeouts.Handshake)
	wait := time.NewTimer(time.Until(deadline))
	defer wait.Stop()
	select {
	case ses.server.handshakes <- struct{}{}:
		defer func() { <-ses.server.handshakes }()
	case <-wait.C:
		return nil, gate.Because(gate.HandshakeFailed, errTooManyHandshakes)
	}
	t := tls.Server(heardConn{conn, ses}, ses.listener.TLS)
	_ = conn.SetDeadline(deadline)
	if err := t.Handshake(); err != nil {
		ses.server.Observer.HandshakeFailed(&ses.info, ses.offer, err)
		return nil, gate.Because(gate.HandshakeFailed, err)
	}
	_ = conn.SetDeadline(time.Time{})
	ses.offer = Offer{}
	state := t.ConnectionState()
	ses.info.TLS = &state
	ses.server.Observer.TLSEstablished(&ses.info)
	return t, nil
}

var errTooManyHandshakes = errors.New("too many handshakes at once (limits.handshakes)")

// Refused, with Admit and Login, makes the session its gate's Watch.
func (ses *session) Refused(command string) {
	ses.server.Observer.LoginRefused(&ses.info, command)
}

func (ses *session) Admit(string) error { return nil }

func (ses *session) Login(user, mechanism string, ok bool) {
	if ok {
		ses.info.User = user
	}
	ses.server.Observer.Login(&ses.info, user, mechanism, ok)
}

// drain ends the session at its next rest; abort ends it at once. Both may be
// called from any goroutine.
func (ses *session) drain() {
	ses.draining.Store(true)
	ses.front.Interrupt()
	ses.relayed.wake()
}

func (ses *session) abort() {
	ses.front.Abort()
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.back != nil {
		ses.back.Abort()
	}
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID makes a name for a session: 60 bits of chance, so that it is unique
// for as long as logs are kept.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return idEncoding.EncodeToString(b[:])[:12]
}

func date() string { return time.Now().Format("Mon, 2 Jan 2006 15:04:05 -0700") }
