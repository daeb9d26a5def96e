package pop3

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// collected is a login whose exchange is collected before the backend receives
// any of it. It makes the gate a gate.Collector.
type collected struct {
	g      *Gate
	before *wire.Stream // the backend when the login began
}

func (g *Gate) collected() *collected { return &collected{g: g, before: g.back} }

// Ask sends a challenge to the client; see askClient.
func (c *collected) Ask(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	return c.g.askClient(x, challenge)
}

// Admit asks whether the user may try to log in.
func (c *collected) Admit(user string) error { return c.g.admit(user) }

// Reached repeats UTF8 at the user's backend, if the session has moved to
// another backend.
func (c *collected) Reached() error {
	if c.g.back == c.before {
		return nil
	}
	return c.g.repeatUTF8()
}

// Offers returns the login methods of the backend.
func (c *collected) Offers() gate.Offers { return c.g.offers() }

const cannotForward = "-ERR [SYS/PERM] This login cannot be passed on"

// Fail refuses the login.
func (c *collected) Fail(why gate.Fault) error {
	switch why {
	case gate.Undecodable:
		return c.g.fail("-ERR Cannot decode the initial response")
	case gate.Cancelled:
		return c.g.fail("-ERR Authentication cancelled")
	}
	return c.g.fail(cannotForward)
}

// refusalCodes are the response codes for the reason of a lookup (RFC 3206 §4).
var refusalCodes = map[gate.Outcome]string{
	gate.WrongPassword: "[AUTH] ", gate.Unavailable: "[SYS/TEMP] ", gate.Rejected: "[SYS/PERM] ",
}

// Refuse refuses the login with the reason of a lookup.
func (c *collected) Refuse(r *gate.Refusal) error {
	return c.g.fail("-ERR " + refusalCodes[r.Outcome] + r.Text)
}

// Send logs in at the backend and forwards its reply.
func (c *collected) Send(l *gate.Login, mechanism string) error {
	if mechanism == "" && !forwardable(l.Command()) {
		c.g.s.Observer.Login(l.User(), l.Mechanism, gate.Answer{Outcome: gate.Rejected, Code: "credentials"})
		return c.g.fail(cannotForward)
	}
	reply, err := c.send(l, mechanism)
	if err != nil {
		return err
	}
	if err := l.Verdict(isOK(reply)); err != nil {
		return err
	}
	return c.g.verdict(l.User(), l.Mechanism, l.SecretSent(), reply)
}

// forwardable reports whether USER and PASS can transmit a name and a password.
func forwardable(user, password string) bool {
	return user != "" && printable(user) && len(user)+len(password) <= maxCommand
}

func (c *collected) send(l *gate.Login, mechanism string) (reply string, err error) {
	if mechanism == "" {
		return c.g.sendCommands(l.Command())
	}
	reply, err = c.g.exchange("AUTH ", mechanism)
	for err == nil {
		challenge, asks := challengeIn(reply, l.MayPrompt())
		if !asks {
			break
		}
		response, err := l.Respond(c, challenge)
		switch {
		case err != nil:
			return "", err
		case response == "*":
			return c.g.cancel()
		}
		if reply, err = c.g.exchange(response); err != nil {
			return "", err
		}
	}
	return reply, err
}

// sendCommands logs in by USER and PASS.
func (g *Gate) sendCommands(user, password string) (reply string, err error) {
	if reply, err = g.ask("USER ", user); err != nil || isERR(reply) {
		return reply, err
	}
	return g.ask("PASS ", password)
}

// askClient sends a challenge to the client and reads the response. The line is
// a response even if it looks like a command. It is not ok if it must not be
// passed on, such as "*", which cancels.
func (g *Gate) askClient(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	g.reply("+ " + challenge)
	if err := g.front.Flush(); err != nil {
		return "", false, gate.FromClient(err)
	}
	line, err := g.front.ReadLine()
	if err != nil && !isSyntax(err) {
		return "", false, g.readError(err)
	}
	g.turn = serversTurn
	switch response := string(line); {
	case err != nil, !x.Sound(response):
		return "", false, nil
	case len(response) > g.s.Limits.Token:
		return "", false, gate.Because(gate.LineTooLong, nil)
	default:
		return response, true, nil
	}
}

const authFailed = "-ERR [AUTH] Authentication failed"
