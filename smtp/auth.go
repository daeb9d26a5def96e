package smtp

import (
	"errors"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// mayAuth reports whether the client may log in on this listener and over this
// TLS session.
func (g *Gate) mayAuth() bool {
	return g.o.Auth != NoAuth && g.s.AuthAllowed(g.front.TLS())
}

// auth relays a SASL exchange (RFC 4954) between the client and the backend. It
// follows the exchange to learn the user's name.
func (g *Gate) auth(cmd syntax.Line) error {
	fields := strings.Fields(cmd.Args)
	switch {
	case g.o.Auth == NoAuth:
		return g.fault(noAuth)
	case g.front.TLS() == nil:
		return g.refuseAuthBeforeTLS()
	case !g.s.AuthAllowed(g.front.TLS()):
		g.reportDenied(fields, gate.ErrWeakTLS)
		return g.fault("538 5.7.11 Stronger encryption required")
	case g.helo == "":
		return g.fault("503 5.5.1 Send EHLO first")
	case g.authed:
		return g.fault("503 5.5.1 Already authenticated")
	case len(fields) == 0 || len(fields) > 2:
		return g.fault("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
	case !slices.Contains(g.caps.mechanisms, strings.ToUpper(fields[0])):
		g.reportDenied(fields, gate.ErrMechanism)
		return g.fault("504 5.5.4 Unrecognized authentication type")
	}
	if g.s.Mechanisms.Collects(strings.ToUpper(fields[0]), g.offers()) {
		return g.collectLogin(strings.ToUpper(fields[0]), fields[1:])
	}
	x := &gate.Exchange{Mechanism: strings.ToUpper(fields[0])}
	command := "AUTH " + x.Mechanism
	if len(fields) == 2 {
		if !x.Sound(fields[1]) {
			return g.fault("501 5.5.2 Cannot decode the initial response")
		}
		command += " " + fields[1]
		if err := g.admitResponse(x, fields[1]); err != nil {
			return err
		}
	}
	r, err := g.exchange(command)
	if err != nil {
		return err
	}
	return g.relayChallenges(x, r)
}

// reportDenied reports an AUTH that is refused because of its mechanism or the
// TLS session.
func (g *Gate) reportDenied(fields []string, why error) {
	fields = append(fields, "", "")
	g.s.Deny(strings.ToUpper(fields[0]), fields[1], why)
}

// relayChallenges relays challenges and responses until the backend accepts or
// refuses the login.
func (g *Gate) relayChallenges(x *gate.Exchange, r syntax.Reply) error {
	for {
		if r.Code/100 != 3 {
			return g.finishLogin(x.User(), x.Mechanism, x.SecretSent(), r)
		}
		if err := x.Challenged(); err != nil {
			return err
		}
		if err := g.pass(r); err != nil {
			return err
		}
		response, complaint, err := syntax.ReadResponse(g.front, x)
		if err != nil {
			return err
		}
		if complaint != "" {
			return g.cancel(x, complaint)
		}
		if err := g.admitResponse(x, response); err != nil {
			return err
		}
		if r, err = g.exchange(response); err != nil {
			return err
		}
	}
}

// cancel ends the exchange at the backend, so that the next reply is to the
// next command, and refuses the login. If the backend has received the secret,
// its reply counts as a failed login.
func (g *Gate) cancel(x *gate.Exchange, complaint string) error {
	r, err := g.exchange("*")
	if err != nil {
		return err
	}
	if a := answerOf(x.User(), r); x.SecretSent() && !a.OK() {
		g.s.Observer.Login(x.User(), x.Mechanism, a)
	}
	return g.fault(complaint)
}

// admitResponse takes a response. When the response names the user, it asks the
// session whether that user may try to log in.
func (g *Gate) admitResponse(x *gate.Exchange, response string) error {
	if response == "*" {
		return nil
	}
	if !x.Response(response) {
		return nil
	}
	return g.s.Admit(x.User())
}

var errNoAnswer = errors.New("the backend neither accepts nor refuses the login")

// answerOf reads the backend's answer to a login.
func answerOf(user string, r syntax.Reply) gate.Answer {
	return gate.AnswerSMTP(user, r.Code, r.Lines()...)
}

// finishLogin passes on the backend's answer to a login. secretSent reports
// whether the backend has received the secret.
func (g *Gate) finishLogin(user, mechanism string, secretSent bool, r syntax.Reply) error {
	if r.OK() && r.Code != 235 {
		return gate.Because(gate.BackendGarbage, errNoAnswer)
	}
	a := answerOf(user, r)
	if err := g.s.Answered(user, mechanism, secretSent, a); err != nil {
		return err
	}
	if a.OK() {
		g.authed, g.user = true, user
		if err := g.s.EnterStep(gate.LoggedIn); err != nil {
			return err
		}
		return g.pass(r)
	}
	if err := g.pass(r); err != nil {
		return err
	}
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(gate.TooManyErrors, nil)
	}
	return g.relayGoodbye()
}

// relayGoodbye relays the last reply of a backend that closes the connection
// after it has refused a login, if that reply has arrived: a 421, or a 221 from
// some backends.
func (g *Gate) relayGoodbye() error {
	if g.back.Buffered() == 0 {
		return nil
	}
	r, err := g.readReply()
	switch {
	case err != nil:
		return err
	case r.Code == 421:
		return g.pass(r)
	case r.Code != 221:
		return gate.Because(gate.BackendGarbage, errUnasked)
	}
	g.answer("421 4.7.0 The server closes the connection")
	g.finished = true
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.HungUpAfterLogin()
}
