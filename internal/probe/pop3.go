package probe

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// pop3 tries a login that must be refused.
func (p *prober) pop3(greeting string) error {
	if err := p.secure(); err != nil {
		return err
	}
	if taken, err := p.handoverPOP3(greeting); err != nil || !taken {
		return err
	}
	p.question = aboutLogin
	if err := p.loginsPOP3(); err != nil {
		return err
	}
	return p.Send("QUIT")
}

// loginsPOP3 tries to log in by the method by which clients are logged in.
func (p *prober) loginsPOP3() error {
	if !p.Login || p.Method == gate.Same || p.Method == gate.ByCommand {
		return p.loginPOP3()
	}
	offered, err := p.Capabilities()
	if err != nil {
		return err
	}
	offers := gate.Offers{SASL: offered.Mechanisms, Command: offered.Command, Unknown: offered.Unknown}
	if bySASL := p.decides(offers, "USER"); bySASL || p.needsSASL() {
		return p.saslPOP3(offers)
	}
	return p.loginPOP3()
}

// loginPOP3 tries to log in with USER and a made-up password.
func (p *prober) loginPOP3() error {
	user, password := nobody()
	reply, err := p.Exchange("USER %s", user)
	switch {
	case err != nil:
		return err
	case isTemporary(reply):
		p.unknown(later, "%s", answered("USER", reply))
		return nil
	case !strings.HasPrefix(reply, "+OK"):
		p.noLogin(answered("USER", reply))
		return nil
	}
	reply, err = p.Exchange("PASS %s", password)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(reply, "+OK"):
		p.anyPassword(user)
	case !decidesPassword(reply, "-ERR"):
		p.unknown(later, "%s", answered("PASS", reply))
	}
	return nil
}

// saslPOP3 tries to log in by SASL. A server without CAPA does not list its
// mechanisms, so the mechanism of backend_login is tried.
func (p *prober) saslPOP3(offers gate.Offers) error {
	switch {
	case offers.Unknown:
		offers.SASL = []string{string(p.Method)}
	case p.lacks(offers.SASL):
		return nil
	}
	l := p.login(offers.SASL)
	reply, err := p.Exchange("AUTH %s", l.mechanism)
	for err == nil && strings.HasPrefix(reply, "+ ") && !l.cancelled() {
		reply, err = p.Exchange("%s", l.respond(reply[2:]))
	}
	switch saw := answered("AUTH "+l.mechanism, reply); {
	case err != nil:
		return err
	case strings.HasPrefix(reply, "+OK"):
		p.anyPassword(l.user)
	case !decidesPassword(reply, "-ERR"):
		p.unknown(later, "%s", saw)
	}
	return nil
}
