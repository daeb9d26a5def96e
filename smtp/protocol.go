package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// Options are the rules of one listener.
type Options struct {
	// RequireTLS refuses everything in clear, as submission does. Without it,
	// mail is taken in clear too (RFC 3207 §4: a public MX must).
	RequireTLS bool

	// HideSTARTTLS does not offer TLS to a peer that fails with it, and would
	// bring no mail at all. It is still taken.
	HideSTARTTLS bool

	// TLSDomains are sender domains whose mail must come over TLS, and .domains
	// for those beneath; folded (see package idn).
	TLSDomains []string

	Auth Auth

	// Recipients tells whom mail may be sent to; nil is everybody.
	Recipients func(address string) bool

	RejectBareNewline bool // refuse a text with bare CR, LF or NUL, instead of mending it
	Received          bool // put a Received header in front of each message
	HideClient        bool // that header does not tell who the client is
	DisableVRFY       bool
}

// Auth is what a listener does with AUTH.
type Auth int

// The rules for AUTH; in clear it is never offered nor taken.
const (
	NoAuth       Auth = iota // not offered: port 25
	OptionalAuth             // offered after TLS
	RequireAuth              // offered after TLS, and no mail without it
)

// Gate is the conversation of one session.
type Gate struct {
	s *gate.Session
	o Options

	front, back *wire.Conn
	implicit    bool // TLS was on before anything was said

	caps        capabilities // the backend's, as its last EHLO reply gave them
	helo        string       // how the client has introduced itself since TLS
	verb        string       // EHLO or HELO
	helloDue    bool         // the backend has not heard helo yet
	introduced  bool         // the backend has heard a name, ours or the client's
	noEHLO      bool         // the backend is from before ESMTP
	clientKnown bool         // the backend knows who the client is
	refusal     string       // the backend's, of this client; empty: none
	settled     bool         // the client has been greeted, or speaks to the backend
	user        string
	authed      bool
	mail        envelope
	chunks      *syntax.Text // of the message that is being sent in chunks; nil: none is
	binary      bool         // the message may be BINARYMIME
	errors      int          // wrong commands since the last message that was delivered
	rejected    int          // recipients that we have refused since then
	finished    bool         // the last words have been said

	forwarded []string // the attributes of XFORWARD that the backend takes

	pending []expected // replies that are due, in order
	replies []byte     // the buffer of the last reply

	clause string // of the Received header, about TLS; empty: none was made yet
}

// New returns the gate of a session.
func New(s *gate.Session, o Options) *Gate { return &Gate{s: s, o: o} }

// Secure greets a client of a STARTTLS service and answers it, alone, until
// TLS is on, or, where TLS is not required, until it wants something for which
// the backend is needed.
func (g *Gate) Secure(front *wire.Conn) error {
	g.front = front
	if g.implicit = front.TLS() != nil; g.implicit {
		return nil
	}
	g.greet()
	for {
		if err := front.Flush(); err != nil {
			return gate.FromClient(err)
		}
		cmd, err := syntax.ReadCommand(g.front)
		if err != nil {
			return err
		}
		done, err := g.beforeTLS(cmd)
		if err != nil || done {
			return err
		}
	}
}

// Open hears the backend's greeting. On a connection that is still in clear
// it introduces us by our own name: of an unprotected client the backend
// hears nothing before that client has declined TLS. A backend from before is
// left with a goodbye.
func (g *Gate) Open(back *wire.Conn) error {
	if g.back != nil {
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
	g.back, g.caps, g.introduced, g.noEHLO, g.clientKnown = back, capabilities{}, false, false, g.s.Seen
	err := g.open()
	if g.clientKnown {
		err = gate.Knowing(err)
	}
	return err
}

func (g *Gate) open() error {
	if err := g.readGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	return g.handOver()
}

// Settle carries the conversation to its end: SMTP has no raw part.
func (g *Gate) Settle(front, back *wire.Conn) error {
	g.front, g.back, g.settled = front, back, true
	err := g.converse()
	g.reportLost(err)
	return err
}

func (g *Gate) converse() error {
	if g.implicit {
		g.greet()
	}
	for {
		// Only a client that has sent its next command already may be kept
		// waiting for the answers to the last ones (RFC 2920).
		if !g.front.HasLine() || len(g.pending) >= maxPending || !g.caps.pipelining {
			if err := g.flushReplies(); err != nil {
				return err
			}
		}
		cmd, err := syntax.ReadCommand(g.front)
		if err != nil {
			return err
		}
		if err := g.execute(cmd); err != nil {
			return err
		}
	}
}

// Refuse says the last words of a session.
func (g *Gate) Refuse(front *wire.Conn, why gate.Reason) {
	if g.finished {
		return
	}
	g.finished = true
	if why == gate.ClientRefused {
		g.refuseClient()
		return
	}
	if text := syntax.Farewell(why, g.s.ID); text != "" {
		front.Print(text)
		_ = front.Flush()
	}
}
