package pop3

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the gate of one POP3 session. It is used by one goroutine.
type Gate struct {
	s           *gate.Session
	front, back *wire.Stream

	turn        turn
	implicit    bool     // the service uses implicit TLS
	stamp       string   // the backend's timestamp for APOP; empty: not shown to the client
	offered     []string // the backend's capabilities, a line each; nil: CAPA is unknown to it
	user        string   // the name in USER, until PASS
	inUTF8      bool     // UTF8 is on
	errors      int      // wrong commands so far
	settled     bool     // Settle has begun
	clientKnown bool     // the backend has been sent the client's address
	refusal     string   // the backend's refusal of this client; empty: none
}

// New returns the gate of one session.
func New(s *gate.Session) *Gate { return &Gate{s: s} }

// Secure greets the client and answers its commands without a backend until
// STLS has started TLS. With implicit TLS it returns at once and sends nothing.
func (g *Gate) Secure(front *wire.Stream) error {
	g.front = front
	if front.TLS() != nil {
		g.implicit = true
		return nil
	}
	g.greet("")
	for front.TLS() == nil {
		if err := g.next(plaintextCommands); err != nil {
			return err
		}
	}
	g.turn = clientsTurn
	g.errors = 0
	return nil
}

// Open reads the backend's greeting, hands the client's address over and asks
// for the capabilities. If the session had another backend before, that backend
// gets a QUIT.
func (g *Gate) Open(back *wire.Stream) error {
	g.quitBackend()
	g.back, g.clientKnown = back, g.s.ClientKnown
	err := g.open()
	if g.clientKnown {
		err = gate.Knowing(err)
	}
	return err
}

func (g *Gate) open() error {
	greeting, err := g.readGreeting()
	if err != nil {
		return err
	}
	// A timestamp that was received in plaintext may have been forged, and a
	// digest of a chosen timestamp helps to find the password.
	inPlaintext := g.back.WantsTLS()
	if err := g.secureBackend(); err != nil {
		return err
	}
	if err := g.handOver(greeting); err != nil {
		return err
	}
	g.stamp = ""
	if g.implicit && g.s.Mechanisms.AllowsAPOP() && !inPlaintext {
		g.stamp = timestampOf(greeting)
	}
	return g.checkHeaderRead(g.askCapabilities())
}

// Settle relays the login. It returns nil when the backend has accepted one.
func (g *Gate) Settle(front, back *wire.Stream) error {
	g.front, g.back, g.settled = front, back, true
	if g.implicit {
		g.greet(g.stamp)
	}
	for g.turn != relayed {
		if err := g.next(securedCommands); err != nil {
			return err
		}
	}
	if err := g.s.EnterStep(gate.LoggedIn); err != nil {
		return err
	}
	g.front, g.back, g.offered = nil, nil, nil // the relay needs none of them, and may last for hours
	return nil
}

// securedCommands are the commands between TLS and the login. No other command
// is forwarded; least of all XCLIENT.
var securedCommands = table{
	"CAPA": (*Gate).capa,
	"UTF8": (*Gate).utf8,
	"LANG": (*Gate).lang,
	"QUIT": (*Gate).quit,
	"STLS": refuse("-ERR Command not permitted when TLS active"), // RFC 2595 §4

	// RFC 3206 §5: never AUTH on USER, which would reveal which names exist.
	"USER": needsStrongTLS("[SYS/PERM]", (*Gate).name),
	"PASS": needsStrongTLS("[AUTH]", (*Gate).pass),
	"APOP": needsStrongTLS("[AUTH]", (*Gate).apop),
	"AUTH": needsStrongTLS("[AUTH]", (*Gate).auth),

	"DELE": notAuthenticated, "LIST": notAuthenticated, "NOOP": notAuthenticated, "RETR": notAuthenticated,
	"RSET": notAuthenticated, "STAT": notAuthenticated, "TOP": notAuthenticated, "UIDL": notAuthenticated,
}

// needsStrongTLS runs a command only if TLS is good enough for a password.
func needsStrongTLS(code string, do handler) handler {
	return func(g *Gate, c command) error {
		if !g.s.AuthAllowed(g.front.TLS()) {
			g.reportDenied(c)
			return g.fail("-ERR " + code + " Stronger encryption required")
		}
		return do(g, c)
	}
}

// quit ends the session, and sends the backend QUIT. The reply is not needed:
// before the login no message is marked as deleted.
func (g *Gate) quit(command) error {
	g.quitBackend()
	g.reply("+OK Goodbye")
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// quitBackend sends QUIT to the backend, if there is one.
func (g *Gate) quitBackend() {
	if g.back != nil {
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
}
