package smtp

import (
	"bytes"
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
)

// hearOut hears a login to its end, or as far as the client can go before the
// backend speaks; see gate.Login.
func (g *Gate) hearOut(mechanism string, initial []string) error {
	if err := g.collect(); err != nil { // what the present backend still owes
		return err
	}
	if g.mail.begun { // RFC 4954 §4; another backend would know nothing of it
		return g.fault("503 5.5.1 Not within a message")
	}
	l := gate.NewLogin(mechanism)
	for _, response := range initial {
		if !l.Sound(response) {
			return g.fault("501 5.5.2 Cannot decode the initial response")
		}
		l.Hear(response)
	}
	for challenge, more := l.Prompt(); more; challenge, more = l.Prompt() {
		g.front.Print("334 ", challenge, "\r\n")
		response, complaint, err := g.response(&l.Exchange)
		switch {
		case err != nil:
			return err
		case complaint != "":
			return g.fault(complaint)
		case response == "*":
			return g.fault("501 5.7.0 Authentication cancelled")
		}
		l.Hear(response)
	}
	return g.enter(l)
}

// enter logs in at the backend with what was heard.
func (g *Gate) enter(l *gate.Login) error {
	if err := g.s.Admit(l.User()); err != nil {
		return err
	}
	before := g.back
	if err := g.s.Reach(l); err != nil {
		return err
	}
	if g.back != before {
		if err := g.introduceAgain(); err != nil {
			return err
		}
	}
	mechanism, err := g.s.Choose(l, g.offers())
	if errors.Is(err, gate.ErrCredentials) {
		return g.fault("501 5.5.4 This login cannot be passed on")
	}
	if err != nil {
		return err
	}
	r, err := g.entry(l, mechanism)
	if err != nil {
		return err
	}
	if err := l.Verdict(r.code == 235); err != nil {
		return err
	}
	switch {
	case l.Turned() && r.code == 504: // RFC 4954 §4: the mechanism is not known
		return gate.Unoffered(mechanism)
	case l.Turned() && r.code >= 500 && r.code <= 503: // the client has said nothing wrong
		r.code, r.text = 454, []byte("454 4.7.0 Temporary authentication failure\r\n")
	}
	return g.decided(l.User(), l.Mechanism, l.Told(), r)
}

// introduceAgain tells another backend, which knows nothing of the client yet,
// how it has introduced itself.
func (g *Gate) introduceAgain() error {
	r, err := g.sayHello(g.verb, g.helo)
	if err == nil && !r.ok() {
		err = g.refused(r, g.verb)
	}
	return err
}

// entry is the exchange with the backend.
func (g *Gate) entry(l *gate.Login, mechanism string) (reply, error) {
	r, err := g.exchange("AUTH " + mechanism)
	for err == nil && r.code/100 == 3 {
		if err := l.Challenged(); err != nil {
			return r, err
		}
		response, ours := l.Answer(challengeOf(r))
		if !ours {
			if response, err = g.passChallenge(l, r); err != nil {
				return r, err
			}
			response = l.Pass(response)
		}
		r, err = g.exchange(response)
	}
	return r, err
}

// passChallenge puts a challenge to the client; what is no response ends the
// exchange in step.
func (g *Gate) passChallenge(l *gate.Login, r reply) (response string, err error) {
	if err := g.pass(r); err != nil {
		return "", err
	}
	response, complaint, err := g.response(&l.Exchange)
	if complaint != "" {
		response = "*"
	}
	return response, err
}

// challengeOf is what a 334 holds, in base64.
func challengeOf(r reply) string {
	line, _, _ := bytes.Cut(r.text, []byte("\r\n"))
	return string(bytes.TrimPrefix(line[3:], []byte(" ")))
}
