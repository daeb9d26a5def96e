package imap

import (
	"cmp"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the gate of one session. Its steps are called in order, by one
// goroutine.
type Gate struct {
	s         *gate.Session // nil during the relay
	sessionID string        // for Refuse
	front     *wire.Stream  // the client's side
	back      *wire.Stream  // the backend's side; set by Open

	offer       capabilities // the backend's latest
	tags        int          // commands sent to the backend
	errors      int          // wrong commands before TLS, or since
	greeted     bool         // the greeting was sent
	loggedIn    bool
	loggingIn   bool   // a login is in progress or accepted
	warning     reply  // the last untagged NO or BAD since the login began
	byeSent     bool   // a BYE was sent to the client
	clientKnown bool   // the backend has been sent the client's address
	refusal     string // the backend's refusal of the client; empty: none
	secretSent  bool   // the backend has received a command of the client, perhaps a password
}

// New returns the gate of a session.
func New(s *gate.Session) *Gate { return &Gate{s: s, sessionID: s.ID} }

// Secure greets the client with our own name and answers its commands without a
// backend until TLS has started. With implicit TLS it returns at once.
func (g *Gate) Secure(front *wire.Stream) error {
	g.front = front
	if front.TLS() != nil {
		return nil
	}
	g.greet(g.plaintextList())
	for front.TLS() == nil {
		cmd, err := g.command()
		if err != nil {
			return err
		}
		if err := g.beforeTLS(cmd); err != nil {
			return err
		}
	}
	return nil
}

// greet sends the greeting, with our name instead of the backend's.
func (g *Gate) greet(list string) {
	g.front.Print("* OK [CAPABILITY ", list, "] ", g.s.Hostname, " ", g.s.Banner, crlf)
	g.greeted = true
}

// Open reads the backend's greeting, learns its capabilities and hands the
// client's address over. If the session had another backend before, that
// backend gets a LOGOUT.
func (g *Gate) Open(back *wire.Stream) error {
	if g.back != nil {
		g.back.Print(g.nextTag(), " LOGOUT", crlf)
		_ = g.back.Flush()
	}
	g.back, g.clientKnown, g.secretSent = back, g.s.ClientKnown, false
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
	secured := g.back.WantsTLS()
	if err := g.secureBackend(); err != nil {
		return err
	}
	if name, list, _ := cutCode(greeting.text); name == "CAPABILITY" && !secured {
		g.setCapabilities(list)
	} else if err := g.askCapabilities(); err != nil {
		return g.blameHeader(err)
	}
	return g.handOver()
}

// securedCommands are the commands between TLS and the login.
var securedCommands = map[string]func(*Gate, command) error{
	"CAPABILITY":   (*Gate).capability,
	"NOOP":         (*Gate).noop,
	"ID":           (*Gate).id,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     (*Gate).startTLSAgain,
	"LOGIN":        (*Gate).login,
	"AUTHENTICATE": (*Gate).authenticate,
}

// Settle handles commands until the client has logged in. It sends the greeting
// unless Secure has: after STARTTLS the client sends the next line.
func (g *Gate) Settle(front, back *wire.Stream) error {
	g.front, g.back = front, back
	if !g.greeted {
		g.greet(g.capabilityList())
	}
	for !g.loggedIn {
		cmd, err := g.command()
		if err != nil {
			return err
		}
		if err := g.afterTLS(cmd); err != nil {
			return err
		}
	}
	g.s, g.front, g.back, g.offer = nil, nil, nil, nil // the relay needs none of them, and may last for hours
	return nil
}

const notAuthenticated = "Not authenticated"

// afterTLS answers a command between TLS and the login.
func (g *Gate) afterTLS(cmd command) error {
	if answer, ok := securedCommands[cmd.name]; ok {
		return answer(g, cmd)
	}
	if missesTag(cmd) {
		return g.refuseTagless(cmd)
	}
	return g.bad(cmd, notAuthenticated)
}

// capability asks the backend each time, as its capabilities may change.
func (g *Gate) capability(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	req := g.request("CAPABILITY")
	req.finish()
	r, err := g.converse(req, nil)
	if err != nil {
		return err
	}
	return g.relayVerdict(cmd, r)
}

// hungUp is the BYE of a session whose backend has closed the connection after
// it refused a login.
const hungUp = "The server has closed the connection"

// Refuse sends the client the last response of the session. A BYE is allowed at
// any point before the login: as a greeting, between commands and within a
// command (RFC 9051 §7.1.5). During the relay only reasons that end an idle
// session send one: otherwise it could become part of a message.
func (g *Gate) Refuse(front *wire.Stream, why gate.Reason) {
	switch {
	case why == gate.Done, why == gate.ClientGone, why == gate.HandshakeFailed:
		return
	case g.loggedIn && !why.Polite() && why != gate.Timeout:
		return
	case g.byeSent:
	case why == gate.ClientRefused:
		front.Print("* BYE ", cmp.Or(g.refusal, hungUp), crlf)
	case why.Backend():
		front.Print("* BYE [UNAVAILABLE] ", why.Sentence(), " [", g.sessionID, "]", crlf)
	case why == gate.Busy, why == gate.Shutdown:
		front.Print("* BYE [UNAVAILABLE] ", why.Sentence(), crlf)
	case why == gate.Internal:
		front.Print("* BYE [SERVERBUG] ", why.Sentence(), " [", g.sessionID, "]", crlf)
	default:
		front.Print("* BYE ", why.Sentence(), crlf)
	}
	_ = front.Flush()
}
