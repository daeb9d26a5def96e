package imap

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// collected is a login whose exchange is collected before the backend receives
// any of it. It makes the gate a gate.Collector.
type collected struct {
	g         *Gate
	cmd       command
	before    *wire.Stream // the backend when the login began
	cancelled bool         // the exchange with the backend was cancelled
}

func (g *Gate) collected(cmd command) *collected {
	return &collected{g: g, cmd: cmd, before: g.back}
}

// Ask sends a challenge to the client; see askClient.
func (c *collected) Ask(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	return c.g.askClient(x, challenge)
}

// Admit asks whether the user may try to log in.
func (c *collected) Admit(user string) error { return c.g.admit(c.cmd, user) }

// Reached has nothing to do: the backend's capabilities are known.
func (c *collected) Reached() error { return nil }

// Offers returns the login methods of the backend.
func (c *collected) Offers() gate.Offers { return c.g.offers() }

// Fail refuses the login.
func (c *collected) Fail(why gate.Fault) error {
	switch why {
	case gate.Undecodable:
		return c.g.bad(c.cmd, "Cannot decode the initial response")
	case gate.Cancelled:
		return c.g.bad(c.cmd, "Authentication cancelled")
	}
	return c.g.no(c.cmd, "[AUTHORIZATIONFAILED] This login cannot be passed on")
}

// refusalCodes are the response codes for the reason of a lookup (RFC 5530 §3).
var refusalCodes = map[gate.Outcome]string{
	gate.WrongPassword: "[AUTHENTICATIONFAILED] ", gate.Unavailable: "[UNAVAILABLE] ", gate.Rejected: "[CONTACTADMIN] ",
}

// Refuse refuses the login with the reason of a lookup.
func (c *collected) Refuse(r *gate.Refusal) error {
	return c.g.no(c.cmd, refusalCodes[r.Outcome]+r.Text)
}

// Send logs in at the backend and forwards its reply.
func (c *collected) Send(l *gate.Login, mechanism string) error {
	g := c.g
	req := g.loginBy(l, mechanism)
	r, err := g.tryLogin(req, func(challenge string) (string, error) { return c.respond(l, challenge) })
	if err != nil {
		return err
	}
	secretSent := l.SecretSent() && req.sent()
	if err := l.Verdict(r.status == "OK"); err != nil {
		return err
	}
	if r.status == "BAD" && l.Converted() { // the client's command was correct
		r.status, r.text = "NO", "[UNAVAILABLE] Temporary authentication failure"
	}
	if r.status == "OK" && secretSent && g.back != c.before {
		if err := g.announce(r); err != nil {
			return err
		}
	}
	return g.verdict(c.cmd, r, l.User(), l.Mechanism, secretSent)
}

// loginBy returns the command that logs in by a mechanism, or LOGIN if the
// mechanism is empty.
func (g *Gate) loginBy(l *gate.Login, mechanism string) *request {
	if mechanism == "" {
		return g.loginRequest(l.Command())
	}
	req := g.request("AUTHENTICATE " + mechanism)
	req.finish()
	return req
}

// respond returns the response to a challenge of the backend.
func (c *collected) respond(l *gate.Login, challenge string) (string, error) {
	if c.cancelled {
		return "", garbage("+ to a cancelled exchange")
	}
	response, err := l.Respond(c, challenge)
	c.cancelled = response == "*"
	return response, err
}

// askClient sends a challenge to the client and reads the response. It is not
// ok if the line is not a response of the mechanism, such as "*", which
// cancels.
func (g *Gate) askClient(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	g.front.Print("+ ", challenge, crlf)
	if err := g.front.Flush(); err != nil {
		return "", false, gate.FromClient(err)
	}
	line, err := g.front.ReadLine()
	if _, malformed := errors.AsType[wire.SyntaxError](err); malformed {
		return "", false, nil
	}
	if err != nil {
		return "", false, gate.FromClient(err)
	}
	if len(line) > g.s.Limits.Token {
		return "", false, gate.Because(gate.LineTooLong, nil)
	}
	return string(line), x.Sound(string(line)), nil
}

// announce sends the client the capabilities of the backend that its login has
// reached: before, it received those of the backend where the session began.
func (g *Gate) announce(r reply) error {
	if name, _, _ := cutCode(r.text); name == "CAPABILITY" {
		return nil
	}
	if err := g.askCapabilities(); err != nil {
		return err
	}
	g.front.Print("* CAPABILITY ", g.capabilityList(), crlf)
	return nil
}
