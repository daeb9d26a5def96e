package sieve

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the gate of one ManageSieve session. It is used by one goroutine.
type Gate struct {
	s           *gate.Session
	front, back *wire.Stream

	offered     [][]token // the backend's capabilities, a line each
	errors      int       // wrong commands so far
	loggedIn    bool
	byeSent     bool   // the last response was sent
	clientKnown bool   // the backend has been sent the client's address
	refusal     string // the backend's refusal of the client; empty: none

	relayed inspector
}

// New returns the gate of one session.
func New(s *gate.Session) *Gate { return &Gate{s: s} }

// Secure greets the client and answers its commands without a backend until
// STARTTLS has started TLS. With implicit TLS it returns at once and sends
// nothing.
func (g *Gate) Secure(front *wire.Stream) error {
	g.front = front
	if front.TLS() != nil {
		return nil
	}
	g.list(plaintextCapabilities, "OK "+quote(g.s.Hostname+" "+g.s.Banner))
	for front.TLS() == nil {
		if err := g.next(plaintextCommands); err != nil {
			return err
		}
	}
	g.errors = 0
	return nil
}

// Open reads the backend's greeting, which lists its capabilities (RFC 5804
// §1.7), and hands the client's address over. If the session had another
// backend before, that backend gets a LOGOUT.
func (g *Gate) Open(back *wire.Stream) error {
	g.logoutBackend()
	g.back, g.clientKnown = back, g.s.ClientKnown
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

// Settle sends the capabilities, which RFC 5804 §2.2 requires after STARTTLS
// and which are the greeting with implicit TLS, and relays the login. It
// returns nil when the backend has accepted a login.
func (g *Gate) Settle(front, back *wire.Stream) error {
	g.front, g.back = front, back
	g.list(g.shown(), "OK "+quote(g.s.Hostname+" "+g.s.Banner))
	for !g.loggedIn {
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
	"CAPABILITY":   (*Gate).capability,
	"AUTHENTICATE": (*Gate).authenticate,
	"NOOP":         (*Gate).noop,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     func(g *Gate, _ command) error { return g.fail(`NO "TLS already active"`) },
}

// noop answers NOOP and repeats its string (RFC 5804 §2.13), if it is a mark.
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

// logout ends the session, and sends the backend LOGOUT without waiting for its
// reply.
func (g *Gate) logout(command) error {
	g.logoutBackend()
	g.reply(`OK "Goodbye"`)
	g.byeSent = true
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// logoutBackend sends LOGOUT to the backend, if there is one.
func (g *Gate) logoutBackend() {
	if g.back != nil {
		g.back.Print("LOGOUT\r\n")
		_ = g.back.Flush()
	}
}
