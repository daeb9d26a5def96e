package imap

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// hearOut hears a SASL login to its end, or as far as the client can go before
// the backend speaks; see gate.Login.
func (g *Gate) hearOut(cmd command, mechanism, initial string) error {
	l := gate.NewLogin(mechanism)
	if initial != "" {
		switch {
		case len(initial) > g.s.Limits.Token:
			return gate.Because(gate.LineTooLong, nil)
		case !l.Sound(initial):
			return g.bad(cmd, "Cannot decode the initial response")
		}
		l.Hear(initial)
	}
	for challenge, more := l.Prompt(); more; challenge, more = l.Prompt() {
		response, ok, err := g.askClient(&l.Exchange, challenge)
		if err != nil {
			return err
		}
		if !ok {
			return g.bad(cmd, "Authentication cancelled")
		}
		l.Hear(response)
	}
	return g.enter(cmd, l)
}

// askClient puts a challenge to the client. Not ok is what is no response,
// "*" among it.
func (g *Gate) askClient(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	g.front.Print("+ ", challenge, crlf)
	if err := g.front.Flush(); err != nil {
		return "", false, gate.FromClient(err)
	}
	line, err := g.front.ReadLine()
	if _, spoilt := errors.AsType[wire.SyntaxError](err); spoilt {
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

// enter logs in at the backend with what was heard.
func (g *Gate) enter(cmd command, l *gate.Login) error {
	if err := g.admit(cmd, l.User()); err != nil {
		return err
	}
	before := g.back
	if err := g.s.Reach(l); err != nil {
		return err
	}
	mechanism, err := g.s.Choose(l, g.offers())
	if errors.Is(err, gate.ErrCredentials) {
		return g.no(cmd, "[AUTHORIZATIONFAILED] This login cannot be passed on")
	}
	if err != nil {
		return err
	}
	e := &entry{Login: l, g: g}
	req := e.request(mechanism)
	r, err := g.tryLogin(req, e.answer)
	if err != nil {
		return err
	}
	told := l.Told() && req.sent()
	if err := l.Verdict(r.status == "OK"); err != nil {
		return err
	}
	if r.status == "BAD" && l.Turned() { // the client has said nothing wrong
		r.status, r.text = "NO", "[UNAVAILABLE] Temporary authentication failure"
	}
	if r.status == "OK" && told && g.back != before {
		if err := g.announce(r); err != nil {
			return err
		}
	}
	return g.verdict(cmd, r, l.User(), l.Mechanism, told)
}

// entry is a login at the backend that was heard out before.
type entry struct {
	*gate.Login
	g         *Gate
	cancelled bool
}

func (e *entry) request(mechanism string) *request {
	if mechanism == "" {
		return e.g.loginRequest(e.Command())
	}
	req := e.g.request("AUTHENTICATE " + mechanism)
	req.end()
	return req
}

// answer answers what was heard; behind that it is the client's turn.
func (e *entry) answer(challenge string) (string, error) {
	if err := e.Challenged(); err != nil {
		return "", err
	}
	if response, ours := e.Answer(challenge); ours {
		return response, nil
	}
	if e.cancelled {
		return "", garbage("+ to a cancelled exchange")
	}
	response, ok, err := e.g.askClient(&e.Exchange, challenge)
	if err != nil {
		return "", err
	}
	if !ok {
		e.cancelled = true
		return "*", nil
	}
	return e.Pass(response), nil
}

// announce tells a client whose mail is elsewhere what can be done there, as
// all that it knows is what another backend can do.
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
