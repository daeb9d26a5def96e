package probe

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

// smtp asks whether the backend relays, and whether it accepts any password.
func (p *prober) smtp() error {
	offered, ok, err := p.introduce()
	if err != nil || !ok {
		return err
	}
	if err := p.relays(); err != nil {
		return err
	}
	if err := p.loginSMTP(offered); err != nil {
		return err
	}
	_, err = p.Command("QUIT")
	return err
}

// introduce starts TLS and hands the made-up client's address over, as far as
// either is configured, and returns what the backend offers then. It is not ok
// if a finding ends the probe.
func (p *prober) introduce() (offered mailclient.Capabilities, ok bool, err error) {
	p.question = aboutHandover
	if offered, ok, err = p.ehlo(); err != nil || !ok {
		return offered, false, err
	}
	if p.plaintext != nil {
		if err := p.secure(); err != nil {
			return offered, false, err
		}
		if offered, ok, err = p.ehlo(); err != nil || !ok {
			return offered, false, err
		}
	}
	switch p.Handover {
	case gate.XCLIENT:
		return p.xclientSMTP(offered)
	case gate.XFORWARD:
		return offered, true, p.xforwardSMTP(offered)
	}
	return offered, true, nil
}

// isSyntax reports whether the backend has not understood or not implemented
// the command (RFC 5321 §4.2.2).
func isSyntax(r mailclient.Reply) bool { return r.Code >= 500 && r.Code <= 504 }

// ehlo returns what the backend offers. It is not ok if the backend has read the
// PROXY header as a command.
func (p *prober) ehlo() (offered mailclient.Capabilities, ok bool, err error) {
	r, err := p.Command("EHLO %s", p.Hostname)
	misread := isSyntax(r) || errors.Is(err, mailclient.ErrUnasked)
	switch {
	case misread && p.Handover == gate.PROXYHeader:
		p.noHandover(gate.ErrHeader.Error())
		return offered, false, nil
	case err != nil:
		return offered, false, err
	case r.Code/100 == 5: // too old for extensions
		offered, err = p.HELO()
		return offered, err == nil, err
	case !r.Positive():
		return offered, false, &mailclient.Rejected{Command: "EHLO", Reply: r.String()}
	}
	return mailclient.Extensions(r), true, nil
}

// loginSMTP tries to log in with a made-up password.
func (p *prober) loginSMTP(offered mailclient.Capabilities) error {
	p.question = aboutLogin
	switch mechanisms := offered.Mechanisms; {
	case len(mechanisms) == 0:
		p.noLogin("AUTH is not offered")
		return nil
	case p.lacks(mechanisms):
		return nil
	case !p.needsSASL() && !forPasswords(mechanisms):
		p.noLogin("only " + strings.Join(mechanisms, ", "))
		return nil
	}
	if l := p.login(offered.Mechanisms); l != nil {
		return p.tryPassword(l)
	}
	return nil
}

// tryPassword answers the backend's challenges, and judges its verdict.
func (p *prober) tryPassword(l *login) error {
	r, err := p.Command("AUTH %s%s", l.mechanism, l.initial())
	for err == nil && r.Code/100 == 3 && !l.cancelled() {
		r, err = p.Command("%s", l.respond(r.Text))
	}
	switch saw := answered("AUTH "+l.mechanism, r.String()); {
	case err != nil:
		return err
	case r.Code == 235:
		p.anyPassword(l.user)
	case isSyntax(r), r.Code == 530, r.Code == 534, r.Code == 538: // RFC 4954 §6: not that mechanism, or not without TLS
		p.noLogin(saw)
	case r.Code/100 != 5, gate.AnswerSMTP("", r.Code, strings.Split(r.Text, "\n")...).Outcome != gate.WrongPassword:
		p.unknown(later, "%s", saw)
	}
	return nil
}
