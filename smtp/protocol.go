package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// Options are the settings of one listener.
type Options struct {
	// RequireTLS refuses mail and logins before TLS, as submission does.
	// Without it mail is accepted in plaintext too, as a public MX must (RFC
	// 3207 §4).
	RequireTLS bool

	// HideSTARTTLS does not offer STARTTLS, for a peer whose handshakes fail
	// and that otherwise could not deliver mail. The command STARTTLS still
	// works.
	HideSTARTTLS bool

	// TLSDomains are sender domains whose mail must come over TLS; .domain means
	// its subdomains. They are folded (see package idn).
	TLSDomains []string

	Auth Auth

	// Recipients reports whether mail to an address is accepted; nil: to any.
	Recipients func(address string) bool

	// ProvenBackend reports that TLS with the backend authenticates it, so that the
	// backend's REQUIRETLS (RFC 8689) may be offered to clients inside TLS.
	ProvenBackend bool

	RejectBareNewline bool // refuse a text with a bare CR, LF or NUL instead of normalising it
	Received          bool // add a Received header to each message
	HideClient        bool // omit the client's name and address from that header
	DisableVRFY       bool
}

// Auth defines whether a listener offers and needs AUTH.
type Auth int

// The rules for AUTH. Before TLS it is never offered nor accepted.
const (
	NoAuth       Auth = iota // not offered, as on port 25
	OptionalAuth             // offered after TLS
	RequireAuth              // offered after TLS, and required for mail
)

// Gate is the gate of one session: it speaks SMTP to the client and to the
// backend.
type Gate struct {
	s *gate.Session
	o Options

	front, back *wire.Stream
	implicit    bool // the service uses implicit TLS

	caps        capabilities // the backend's, from its last reply to EHLO
	helo        string       // the name in the client's EHLO; cleared by STARTTLS
	verb        string       // EHLO or HELO
	helloDue    bool         // helo was not sent to the backend yet
	introduced  bool         // the backend has received an EHLO, ours or the client's
	noEHLO      bool         // the backend does not know EHLO
	clientKnown bool         // the backend has been sent the client's address
	refusal     string       // the backend's refusal of this client; empty: none
	settled     bool         // Settle has begun
	user        string
	authed      bool
	mail        envelope
	chunks      *syntax.Text // of the message that is sent in chunks; nil: there is none
	binary      bool         // the message may be BINARYMIME
	errors      int          // wrong commands since the last delivered message
	rejected    int          // recipients that we have refused since the last delivered message
	finished    bool         // the last reply of the session was sent

	forwarded []string // the attributes of XFORWARD that the backend takes

	pending []expected // the queue of replies that are due; see expected
	replies []byte     // the buffer of the last reply

	clause string // of the Received header, about TLS; empty: not made yet
}

// New returns the gate of a session.
func New(s *gate.Session, o Options) *Gate { return &Gate{s: s, o: o} }

// Secure greets a client of a STARTTLS service and replies to its commands
// without a backend until TLS has started or, if TLS is not required, until a
// command needs the backend.
func (g *Gate) Secure(front *wire.Stream) error {
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

// Open reads the backend's greeting, starts TLS with it if that is configured,
// and hands the client's address over. If the session had another backend
// before, that backend gets a QUIT.
//
// For a client without TLS it sends EHLO with our own name. The backend
// receives nothing that the client has sent before the client begins a message
// without TLS.
func (g *Gate) Open(back *wire.Stream) error {
	if g.back != nil {
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
	g.back, g.caps, g.introduced, g.noEHLO, g.clientKnown = back, capabilities{}, false, false, g.s.ClientKnown
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

// Settle relays the session to its end, command by command: SMTP has no raw
// relay.
func (g *Gate) Settle(front, back *wire.Stream) error {
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
		// A client that has not sent its next command waits for the replies to
		// the last ones (RFC 2920).
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

// Refuse sends the client the last reply of the session.
func (g *Gate) Refuse(front *wire.Stream, why gate.Reason) {
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
