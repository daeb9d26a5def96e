package sieve

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
)

// collected is a login whose exchange is collected before the backend receives
// any of it. It makes the gate a gate.Collector.
type collected struct{ g *Gate }

// Ask sends a challenge to the client; see askClient.
func (c collected) Ask(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	return c.g.askClient(x, token{quoted, challenge})
}

// Admit asks whether the user may try to log in.
func (c collected) Admit(user string) error { return c.g.admit(user) }

// Reached has nothing to do: the backend's capabilities are known.
func (c collected) Reached() error { return nil }

// Offers returns the login methods of the backend.
func (c collected) Offers() gate.Offers { return c.g.offers() }

// Fail refuses the login.
func (c collected) Fail(why gate.Fault) error {
	switch why {
	case gate.Undecodable:
		return c.g.fail(`NO "Cannot decode the initial response"`)
	case gate.Cancelled:
		return c.g.fail(`NO "Authentication cancelled"`)
	}
	return c.g.fail(`NO "This login cannot be passed on"`)
}

// Refuse refuses the login with the reason of a lookup (RFC 5804 §1.3).
func (c collected) Refuse(r *gate.Refusal) error {
	code := ""
	if r.Outcome == gate.Unavailable {
		code = "(TRYLATER) "
	}
	return c.g.fail("NO " + code + quote(r.Text))
}

// Send logs in at the backend and forwards its reply.
func (c collected) Send(l *gate.Login, mechanism string) error {
	reply, err := c.send(l, mechanism)
	if err != nil {
		return err
	}
	if r, ok := parseResponse(reply); ok {
		if err := l.Verdict(r.status == "OK"); err != nil {
			return err
		}
	}
	return c.g.finishLogin(l.User(), l.Mechanism, l.SecretSent(), reply)
}

func (c collected) send(l *gate.Login, mechanism string) (reply []token, err error) {
	reply, err = c.g.ask("AUTHENTICATE " + quote(mechanism))
	for err == nil && isChallenge(reply) {
		response, err := l.Respond(c, reply[0].text)
		switch {
		case err != nil:
			return nil, err
		case response == "*":
			return c.g.cancel()
		}
		if reply, err = c.g.ask(request(response)); err != nil {
			return nil, err
		}
	}
	return reply, err
}

// askClient sends a challenge to the client and reads the response. The line is
// a response even if it looks like a command. It is not ok if it must not be
// passed on, such as "*", which cancels.
func (g *Gate) askClient(x *gate.Exchange, challenge token) (response string, ok bool, err error) {
	g.reply(challenge.String())
	if err := g.front.Flush(); err != nil {
		return "", false, gate.FromClient(err)
	}
	words, err := g.read(g.front.ReadLine())
	switch {
	case errors.Is(err, errMalformed), err == nil && !(isChallenge(words) && x.Sound(words[0].text)):
		return "", false, nil
	case err != nil:
		return "", false, err
	case len(words[0].text) > g.s.Limits.Token:
		return "", false, gate.Because(gate.LineTooLong, nil)
	}
	return words[0].text, true, nil
}

const failed = `NO "Authentication failed"`
