package sieve

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the conversation of one ManageSieve session before its relay. It is
// used by one goroutine.
type Gate struct {
	s           *gate.Session
	front, back *wire.Conn

	offered  [][]token // the backend's capabilities, a line each
	errors   int       // wrong commands so far
	loggedIn bool
	over     bool   // the last words are said
	seen     bool   // the backend knows who the client is
	refusal  string // the backend's words to it; empty: none

	relayed inspector
}

// New returns the gate of one session.
func New(s *gate.Session) *Gate { return &Gate{s: s} }

// Secure greets, and answers the commands of the clear table alone until
// STARTTLS has turned TLS on. With implicit TLS it returns at once, without a
// word.
func (g *Gate) Secure(front *wire.Conn) error {
	g.front = front
	if front.TLS() != nil {
		return nil
	}
	g.list(clearCapabilities, "OK "+quote(g.s.Hostname+" "+g.s.Banner))
	for front.TLS() == nil {
		if err := g.next(inClear); err != nil {
			return err
		}
	}
	g.errors = 0
	return nil
}

// Open hears the backend's greeting, which is its capabilities (RFC 5804
// §1.7), and tells it who the client is. A backend from before is left with a
// goodbye.
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
	if err := g.hearGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	return g.handOver()
}

// Settle shows the capabilities unasked, which RFC 5804 §2.2 demands behind
// STARTTLS and which are the greeting with implicit TLS, and relays the login.
// It returns nil when the backend has accepted one.
func (g *Gate) Settle(front, back *wire.Conn) error {
	g.front, g.back = front, back
	g.list(g.shown(), "OK "+quote(g.s.Hostname+" "+g.s.Banner))
	for !g.loggedIn {
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
	"CAPABILITY":   (*Gate).capability,
	"AUTHENTICATE": (*Gate).authenticate,
	"NOOP":         (*Gate).noop,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     func(g *Gate, _ command) error { return g.fail(`NO "TLS already active"`) },
}

// noop answers NOOP, and repeats its string (RFC 5804 §2.13). One that could
// be more to somebody than a mark is not repeated.
func (g *Gate) noop(c command) error {
	switch {
	case len(c.args) == 0:
		g.reply(`OK "Done"`)
		return nil
	case len(c.args) > 1 || !isMark(c.args[0]):
		return g.fail(`NO "Syntax: NOOP and a short word in quotes"`)
	}
	g.reply("OK (TAG " + quote(c.args[0].text) + `) "Done"`)
	return nil
}

// logout ends the session, for the backend too, whose answer is of no
// interest.
func (g *Gate) logout(command) error {
	g.leave()
	g.reply(`OK "Goodbye"`)
	g.over = true
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// leave says goodbye to the backend, if there is one.
func (g *Gate) leave() {
	if g.back != nil {
		g.back.Print("LOGOUT\r\n")
		_ = g.back.Flush()
	}
}
