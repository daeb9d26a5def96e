package imap

import (
	"cmp"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the gate of one session. Its steps are called in order, by one
// goroutine.
type Gate struct {
	s     *gate.Session
	front *wire.Conn // the client's side
	back  *wire.Conn // the backend's side, from Open on

	offer    capabilities // the backend's latest
	tags     int          // how many commands the backend has had
	errors   int          // since TLS is on, or before
	greeted  bool         // in clear
	loggedIn bool
	entering bool   // a login is being answered, or has been accepted
	gone     bool   // the client has been told of the end
	seen     bool   // the backend knows who the client is
	refusal  string // the backend's words to it; empty: none
	confided bool   // the backend has heard words of the client, perhaps a password
}

// New returns the gate of a session.
func New(s *gate.Session) *Gate { return &Gate{s: s} }

// Secure greets in our own name and answers the clear table alone until TLS is
// on. With implicit TLS there is nothing to do.
func (g *Gate) Secure(front *wire.Conn) error {
	g.front = front
	if front.TLS() != nil {
		return nil
	}
	g.greet(g.clearList())
	for front.TLS() == nil {
		cmd, err := g.command()
		if err != nil {
			return err
		}
		if err := g.clear(cmd); err != nil {
			return err
		}
	}
	return nil
}

// greet says the first words, with our name and not the backend's.
func (g *Gate) greet(list string) {
	g.front.Print("* OK [CAPABILITY ", list, "] ", g.s.Hostname, " ", g.s.Banner, crlf)
	g.greeted = true
}

// Open hears the backend's greeting, learns its capabilities and tells it who
// the client is. A backend from before is left with a goodbye.
func (g *Gate) Open(back *wire.Conn) error {
	if g.back != nil {
		g.back.Print(g.nextTag(), " LOGOUT", crlf)
		_ = g.back.Flush()
	}
	g.back, g.seen, g.confided = back, g.s.Seen, false
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
	secured := g.back.WantsTLS()
	if err := g.secureBackend(); err != nil {
		return err
	}
	if name, list, _ := cutCode(greeting.text); name == "CAPABILITY" && !secured {
		g.learn(list)
	} else if err := g.askCapabilities(); err != nil {
		return g.blameHeader(err)
	}
	return g.handOver()
}

// securedCommands is what may be said between TLS and the login.
var securedCommands = map[string]func(*Gate, command) error{
	"CAPABILITY":   (*Gate).capability,
	"NOOP":         (*Gate).noop,
	"ID":           (*Gate).id,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     (*Gate).startTLSAgain,
	"LOGIN":        (*Gate).login,
	"AUTHENTICATE": (*Gate).authenticate,
}

// Settle converses until the client has logged in. It greets only where
// nobody has: behind STARTTLS the client speaks first.
func (g *Gate) Settle(front, back *wire.Conn) error {
	g.front, g.back = front, back
	if !g.greeted {
		g.greet(g.capabilityList())
	}
	for !g.loggedIn {
		cmd, err := g.command()
		if err != nil {
			return err
		}
		if err := g.secured(cmd); err != nil {
			return err
		}
	}
	g.front, g.back, g.offer = nil, nil, nil // for hours to come only a goodbye is left to say
	return nil
}

const notAuthenticated = "Not authenticated"

// secured answers a command between TLS and login.
func (g *Gate) secured(cmd command) error {
	if answer, ok := securedCommands[cmd.name]; ok {
		return answer(g, cmd)
	}
	if missesTag(cmd) {
		return g.refuseTagless(cmd)
	}
	return g.bad(cmd, notAuthenticated)
}

// capability asks the backend each time: what it offers may change.
func (g *Gate) capability(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	req := g.request("CAPABILITY")
	req.end()
	r, err := g.converse(req, nil)
	if err != nil {
		return err
	}
	return g.relayVerdict(cmd, r)
}

// hungUp ends a session whose backend has closed the connection after it refused
// a login.
const hungUp = "The server has closed the connection"

// Refuse says the last words for a reason. A BYE is right at any point before
// the login: as a greeting, between commands and within one (RFC 9051 §7.1.5).
// Behind it only the reasons that find the relay at rest have one; any other
// could come in the middle of a message and become part of it.
func (g *Gate) Refuse(front *wire.Conn, why gate.Reason) {
	switch {
	case why == gate.Done, why == gate.ClientGone, why == gate.HandshakeFailed:
		return
	case g.loggedIn && why != gate.Shutdown && why != gate.Timeout:
		return
	case g.gone:
	case why == gate.ClientRefused:
		front.Print("* BYE ", cmp.Or(g.refusal, hungUp), crlf)
	case why.Backend():
		front.Print("* BYE [UNAVAILABLE] ", why.Sentence(), " [", g.s.ID, "]", crlf)
	case why == gate.Busy, why == gate.Shutdown:
		front.Print("* BYE [UNAVAILABLE] ", why.Sentence(), crlf)
	case why == gate.Internal:
		front.Print("* BYE [SERVERBUG] ", why.Sentence(), " [", g.s.ID, "]", crlf)
	default:
		front.Print("* BYE ", why.Sentence(), crlf)
	}
	_ = front.Flush()
}
