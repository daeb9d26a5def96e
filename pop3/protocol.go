package pop3

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the conversation of one POP3 session before its relay. It is used by
// one goroutine.
type Gate struct {
	s           *gate.Session
	front, back *wire.Conn

	turn     turn
	implicit bool     // TLS came before the first word
	stamp    string   // the backend's challenge for APOP; empty where none is shown
	offered  []string // the backend's capabilities, a line each; nil without CAPA
	user     string   // what USER named, until PASS has used it
	inUTF8   bool     // for the whole session
	errors   int      // wrong commands so far
	settled  bool     // the client has been greeted, or speaks to the backend
	seen     bool     // the backend knows who the client is
	refusal  string   // the backend's, of this client; empty: none
}

// New returns the gate of one session.
func New(s *gate.Session) *Gate { return &Gate{s: s} }

// Secure greets, and answers the commands of the clear table alone until STLS
// has turned TLS on. With implicit TLS it returns at once, without a word.
func (g *Gate) Secure(front *wire.Conn) error {
	g.front = front
	if front.TLS() != nil {
		g.implicit = true
		return nil
	}
	g.greet("")
	for front.TLS() == nil {
		if err := g.next(inClear); err != nil {
			return err
		}
	}
	g.turn = theirs
	g.errors = 0
	return nil
}

// Open hears the backend's greeting, tells it who the client is and asks for
// its capabilities. A backend from before is left with a goodbye.
func (g *Gate) Open(back *wire.Conn) error {
	g.leave()
	g.back, g.seen = back, g.s.Seen
	err := g.open()
	if g.seen {
		err = gate.Knowing(err)
	}
	return err
}

func (g *Gate) open() error {
	greeting, err := g.hearGreeting()
	if err != nil {
		return err
	}
	// A challenge that came in clear could be anybody's, and one of their
	// choice tells them something of the password.
	inClear := g.back.WantsTLS()
	if err := g.secureBackend(); err != nil {
		return err
	}
	if err := g.handOver(greeting); err != nil {
		return err
	}
	g.stamp = ""
	if g.implicit && g.s.Mechanisms.AllowsAPOP() && !inClear {
		g.stamp = stampOf(greeting)
	}
	return g.behindHeader(g.askCapabilities())
}

// Settle relays the login. It returns nil when the backend has accepted one.
func (g *Gate) Settle(front, back *wire.Conn) error {
	g.front, g.back, g.settled = front, back, true
	if g.implicit {
		g.greet(g.stamp)
	}
	for g.turn != nobodys {
		if err := g.next(inTLS); err != nil {
			return err
		}
	}
	if err := g.s.EnterStep(gate.LoggedIn); err != nil {
		return err
	}
	g.front, g.back, g.offered = nil, nil, nil // for hours to come only a goodbye is left to say
	return nil
}

// inTLS is what may be said between TLS and login. Nothing else is forwarded,
// XCLIENT least of all.
var inTLS = table{
	"CAPA": (*Gate).capa,
	"UTF8": (*Gate).utf8,
	"LANG": (*Gate).lang,
	"QUIT": (*Gate).quit,
	"STLS": refuse("-ERR Command not permitted when TLS active"), // RFC 2595 §4

	// RFC 3206 §5: never AUTH on USER, which would tell names apart.
	"USER": strong("[SYS/PERM]", (*Gate).name),
	"PASS": strong("[AUTH]", (*Gate).pass),
	"APOP": strong("[AUTH]", (*Gate).apop),
	"AUTH": strong("[AUTH]", (*Gate).auth),

	"DELE": early, "LIST": early, "NOOP": early, "RETR": early,
	"RSET": early, "STAT": early, "TOP": early, "UIDL": early,
}

// strong lets a command pass only where TLS is good enough for a password.
func strong(code string, do handler) handler {
	return func(g *Gate, c command) error {
		if !g.s.AuthAllowed(g.front.TLS()) {
			g.deny(c)
			return g.fail("-ERR " + code + " Stronger encryption required")
		}
		return do(g, c)
	}
}

// quit ends the session, for the backend too. Its answer is of no interest: no
// message was marked before login.
func (g *Gate) quit(command) error {
	g.leave()
	g.reply("+OK Goodbye")
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// leave says goodbye to the backend, if there is one.
func (g *Gate) leave() {
	if g.back != nil {
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
}
