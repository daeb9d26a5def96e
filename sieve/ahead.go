package sieve

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
)

// hearOut hears a login to its end, or as far as the client can go before the
// backend speaks; see gate.Login.
func (g *Gate) hearOut(mechanism string, initial []token) error {
	l := gate.NewLogin(mechanism)
	for _, response := range initial {
		if !l.Sound(response.text) {
			return g.fail(`NO "Cannot decode the initial response"`)
		}
		l.Hear(response.text)
	}
	for challenge, more := l.Prompt(); more; challenge, more = l.Prompt() {
		response, ok, err := g.askClient(&l.Exchange, token{quoted, challenge})
		switch {
		case err != nil:
			return err
		case !ok:
			return g.fail(`NO "Authentication cancelled"`)
		}
		l.Hear(response)
	}
	return g.enter(l)
}

// askClient puts a challenge to the client. Whatever it answers is a response,
// even if it looks like a command; not ok is one that cannot be passed on, and
// "*", which cancels.
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

// enter logs in at the backend with what was heard.
func (g *Gate) enter(l *gate.Login) error {
	if err := g.admit(l.User()); err != nil {
		return err
	}
	if err := g.s.Reach(l); err != nil {
		return err
	}
	mechanism, err := g.s.Choose(l, g.offers())
	if errors.Is(err, gate.ErrCredentials) {
		return g.fail(`NO "This login cannot be passed on"`)
	}
	if err != nil {
		return err
	}
	reply, err := g.entry(l, mechanism)
	if err != nil {
		return err
	}
	if r, ok := parseResponse(reply); ok {
		if err := l.Verdict(r.status == "OK"); err != nil {
			return err
		}
	}
	return g.end(l.User(), l.Mechanism, l.Told(), reply)
}

// entry is the exchange with the backend.
func (g *Gate) entry(l *gate.Login, mechanism string) (reply []token, err error) {
	reply, err = g.ask("AUTHENTICATE " + quote(mechanism))
	for err == nil && isChallenge(reply) {
		if err := l.Challenged(); err != nil {
			return nil, err
		}
		response, ours := l.Answer(reply[0].text)
		if !ours {
			var ok bool
			if response, ok, err = g.askClient(&l.Exchange, reply[0]); err != nil {
				return nil, err
			}
			if !ok {
				return g.cancel()
			}
			response = l.Pass(response)
		}
		reply, err = g.ask(request(response))
	}
	return reply, err
}

const failed = `NO "Authentication failed"`
