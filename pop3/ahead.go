package pop3

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
)

// hearOut hears a SASL login to its end, or as far as the client can go before
// the backend speaks; see gate.Login.
func (g *Gate) hearOut(mechanism, initial string) error {
	l := gate.NewLogin(mechanism)
	if initial != "" {
		if !l.Sound(initial) {
			return g.fail("-ERR Cannot decode the initial response")
		}
		l.Hear(initial)
	}
	for challenge, more := l.Prompt(); more; challenge, more = l.Prompt() {
		response, ok, err := g.askClient(&l.Exchange, challenge)
		switch {
		case err != nil:
			return err
		case !ok:
			return g.fail("-ERR Authentication cancelled")
		}
		l.Hear(response)
	}
	return g.enter(l)
}

// askClient puts a challenge to the client. Whatever it answers is a response,
// even if it looks like a command; not ok is one that cannot be passed on, and
// "*", which cancels.
func (g *Gate) askClient(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	g.reply("+ " + challenge)
	if err := g.front.Flush(); err != nil {
		return "", false, gate.FromClient(err)
	}
	line, err := g.front.ReadLine()
	if err != nil && !isSyntax(err) {
		return "", false, g.misread(err)
	}
	g.turn = ours
	switch response := string(line); {
	case err != nil, !x.Sound(response):
		return "", false, nil
	case len(response) > g.s.Limits.Token:
		return "", false, gate.Because(gate.LineTooLong, nil)
	default:
		return response, true, nil
	}
}

// enter logs in at the backend with what was heard.
func (g *Gate) enter(l *gate.Login) error {
	if err := g.admit(l.User()); err != nil {
		return err
	}
	before := g.back
	if err := g.s.Reach(l); err != nil {
		return err
	}
	if g.back != before {
		if err := g.repeatUTF8(); err != nil {
			return err
		}
	}
	mechanism, err := g.s.Choose(l, g.offers())
	if errors.Is(err, gate.ErrCredentials) {
		return g.fail("-ERR [SYS/PERM] This login cannot be passed on")
	}
	if err != nil {
		return err
	}
	var reply string
	if mechanism == "" && !sayable(l.Command()) {
		g.s.Watch.Login(l.User(), l.Mechanism, gate.Answer{Outcome: gate.Rejected, Code: "credentials"})
		return g.fail("-ERR [SYS/PERM] This login cannot be passed on")
	}
	if mechanism == "" {
		reply, err = g.enterByCommand(l)
	} else {
		reply, err = g.enterBySASL(l, mechanism)
	}
	if err != nil {
		return err
	}
	if err := l.Verdict(isOK(reply)); err != nil {
		return err
	}
	return g.verdict(l.User(), l.Mechanism, l.Told(), reply)
}

// sayable reports whether USER and PASS can carry a name and a password.
func sayable(user, password string) bool {
	return user != "" && printable(user) && len(user)+len(password) <= maxCommand
}

func (g *Gate) enterByCommand(l *gate.Login) (reply string, err error) {
	user, password := l.Command()
	if reply, err = g.ask("USER ", user); err != nil || isERR(reply) {
		return reply, err
	}
	return g.ask("PASS ", password)
}

func (g *Gate) enterBySASL(l *gate.Login, mechanism string) (reply string, err error) {
	reply, err = g.exchange("AUTH ", mechanism)
	for err == nil {
		challenge, asks := challengeIn(reply, l.MayPrompt())
		if !asks {
			break
		}
		if err := l.Challenged(); err != nil {
			return "", err
		}
		response, ours := l.Answer(challenge)
		if !ours {
			var ok bool
			if response, ok, err = g.askClient(&l.Exchange, challenge); err != nil {
				return "", err
			}
			if !ok {
				return g.cancel()
			}
			response = l.Pass(response)
		}
		reply, err = g.exchange(response)
	}
	return reply, err
}

const failed = "-ERR [AUTH] Authentication failed"
