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

	caps       capabilities // the backend's, as its last EHLO reply gave them
	helo       string       // how the client has introduced itself since TLS
	verb       string       // EHLO or HELO
	unsaid     bool         // the backend has not heard helo yet
	introduced bool         // the backend has heard a name, ours or the client's
	noEHLO     bool         // the backend is from before ESMTP
	seen       bool         // the backend knows who the client is
	refusal    string       // the backend's, of this client; empty: none
	settled    bool         // the client has been greeted, or speaks to the backend
	user       string
	authed     bool
	mail       envelope
	chunks     *syntax.Text // of the message that is being sent in chunks; nil: none is
	binary     bool         // the message may be BINARYMIME
	errors     int          // wrong commands since the last message that was delivered
	rejected   int          // recipients that we have refused since then
	parted     bool         // the last words have been said

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
		done, err := g.inClear(cmd)
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
	g.back, g.caps, g.introduced, g.noEHLO, g.seen = back, capabilities{}, false, false, g.s.Seen
	err := g.open()
	if g.seen {
		err = gate.Knowing(err)
	}
	return err
}

func (g *Gate) open() error {
	if err := g.hearGreeting(); err != nil {
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
			if err := g.collect(); err != nil {
				return err
			}
		}
		cmd, err := syntax.ReadCommand(g.front)
		if err != nil {
			return err
		}
		if err := g.obey(cmd); err != nil {
			return err
		}
	}
}

// Refuse says the last words of a session.
func (g *Gate) Refuse(front *wire.Conn, why gate.Reason) {
	if g.parted {
		return
	}
	g.parted = true
	if why == gate.ClientRefused {
		g.refuseClient()
		return
	}
	if text := syntax.Farewell(why, g.s.ID); text != "" {
		front.Print(text)
		_ = front.Flush()
	}
}

// obey carries one command out, or answers why not.
func (g *Gate) obey(cmd syntax.Line) error {
	known, ok := commands[cmd.Verb]
	switch {
	case cmd.Bad != "":
		return g.fault(cmd.Bad)
	case !ok:
		return g.fault("500 5.5.1 Command unrecognized")
	case known.do == nil:
		return g.fault("502 5.5.1 Command not implemented")
	case known.mail && g.o.Auth == RequireAuth && !g.authed:
		return g.unauthorized(cmd)
	case known.mail && g.helo == "":
		return g.unready(cmd, "503 5.5.1 Send EHLO first")
	}
	return known.do(g, cmd)
}

// commands is all that a client can say. Those without a function are known
// and refused; `mail` commands need an introduction, and on submission a
// login, first.
var commands = map[string]struct {
	do   func(*Gate, syntax.Line) error
	mail bool
}{
	"EHLO":     {do: (*Gate).hello},
	"HELO":     {do: (*Gate).hello},
	"STARTTLS": {do: (*Gate).startTLS},
	"AUTH":     {do: (*Gate).auth},
	"MAIL":     {do: (*Gate).mailFrom, mail: true},
	"RCPT":     {do: (*Gate).rcptTo, mail: true},
	"DATA":     {do: (*Gate).data, mail: true},
	"BDAT":     {do: (*Gate).bdat, mail: true},
	"RSET":     {do: (*Gate).reset},
	"VRFY":     {do: (*Gate).verify, mail: true},
	"EXPN":     {do: (*Gate).verify, mail: true},
	"NOOP":     {do: (*Gate).noop},
	"HELP":     {do: (*Gate).help},
	"QUIT":     {do: (*Gate).quit},

	"XCLIENT": {}, "XFORWARD": {}, "ETRN": {}, "TURN": {}, "ATRN": {}, "BURL": {},
	"SEND": {}, "SOML": {}, "SAML": {}, "LHLO": {},
}

// unauthorized refuses what needs a login. A chunk that comes with its
// command is swallowed, never read as commands.
func (g *Gate) unauthorized(cmd syntax.Line) error {
	return g.unready(cmd, "530 5.7.0 Authentication required")
}

func (g *Gate) unready(cmd syntax.Line, why string) error {
	if cmd.Verb == "BDAT" {
		return g.refuseChunk(cmd, why)
	}
	return g.fault(why)
}
