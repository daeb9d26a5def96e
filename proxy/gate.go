package proxy

import (
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the conversation of one session before its bytes are relayed. Its
// methods are called in this order, by one goroutine; each error
// ends the session for the reason that gate.ReasonOf finds in it.
type Gate interface {
	// Secure talks to the client until TLS has started, or the client continues
	// without TLS where that is permitted. No backend exists yet.
	Secure(front *wire.Stream) error

	// Open reads the backend's greeting. It is called again with another backend
	// after it has failed, and during Settle when the client's user belongs to
	// another backend; the previous connection is closed after that.
	Open(back *wire.Stream) error

	// Settle lets the client log in. After nil the session is relayed.
	Settle(front, back *wire.Stream) error

	// Refuse writes the protocol's last reply, with the reason. It may be called
	// at any point, but never while another method runs.
	Refuse(front *wire.Stream, why gate.Reason)
}

// RelayInspector is a Gate that inspects the bytes of its session while they are relayed.
type RelayInspector interface {
	// Inspect sees each piece of the client's bytes before the backend does,
	// and may change it in place. An error ends the session for the reason that
	// gate.ReasonOf finds in it; the backend does not see the piece. One
	// goroutine at a time calls it.
	Inspect(piece []byte) error
}

// gateSession returns the facts about the session and the functions that its
// gate may use.
func (ses *session) gateSession() *gate.Session {
	l, limits := ses.listener, ses.rules().Limits
	s := &gate.Session{
		ID: ses.info.ID, Hostname: ses.rules().Hostname, Banner: l.Banner,
		Client: ses.info.Client, Local: ses.info.Local, Handover: l.Handover.Words(), ClientKnown: l.Handover.Seen(),
		AuthAllowed: ses.authAllowed, Observer: ses,
		Mail:       gate.Mail{Spool: ses.spool, Accepted: ses.messageAccepted, Date: date},
		Backends:   gate.Backends{Route: ses.router(), NextHops: (*nextHops)(ses)},
		Mechanisms: l.mechanisms,
		Limits:     gate.Limits{Token: limits.Token, Literal: limits.Literal, Errors: limits.Errors, Message: limits.Message},
	}
	if l.ReverseDNS {
		s.LookupName = ses.clientName
	}
	return s
}

// Notice implements gate.Notifier.
func (ses *session) Notice() string {
	if ses.listener.Notice == nil {
		return ""
	}
	return ses.listener.Notice(&ses.info)
}

// Rejected forwards the event that a sender or a recipient was refused.
func (ses *session) Rejected(r gate.Rejection) { ses.origin.observer.Rejected(&ses.info, r) }

// Message forwards the result of a message.
func (ses *session) Message(m gate.Message) { ses.origin.observer.Message(&ses.info, m) }

// messageAccepted records that the backend has accepted a message, and counts
// those that arrived in plaintext.
func (ses *session) messageAccepted() {
	ses.note(func(info *observe.Session) {
		info.Settled = true
		if info.TLS == nil {
			info.Plaintext++
		}
	})
}

// spool implements gate.Session.Spool.
func (ses *session) spool() (gate.Spool, error) {
	s := ses.origin.server
	if !s.third.Acquire() {
		return nil, gate.ErrSpoolFull
	}
	f, err := s.spooled.New(s.third.Release)
	if err != nil {
		s.third.Release()
		return nil, err
	}
	return f, nil
}

// date returns the current time in the format of a Received field.
func date() string { return time.Now().Format("Mon, 2 Jan 2006 15:04:05 -0700") }
