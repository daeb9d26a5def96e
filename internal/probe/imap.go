package probe

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

// imap tries a login that must be refused.
func (p *prober) imap() error {
	if err := p.secure(); err != nil {
		return err
	}
	if taken, err := p.handoverIMAP(); err != nil || !taken {
		return err
	}
	p.question = aboutLogin
	offered, err := p.Capabilities()
	if err != nil {
		return err
	}
	bySASL := p.decides(gate.Offers{SASL: offered.Mechanisms, Command: offered.Command}, "LOGIN")
	switch {
	case p.lacks(offered.Mechanisms):
		return nil
	case p.needsSASL(), bySASL:
		return p.loginIMAP(p.login(offered.Mechanisms))
	case !offered.Command:
		p.noLogin("LOGINDISABLED")
		return nil
	}
	return p.loginIMAP(nil)
}

// loginIMAP tries to log in with a made-up password, with the LOGIN command if
// sasl is nil.
func (p *prober) loginIMAP(sasl *login) error {
	user, password := nobody()
	command, line := "LOGIN", fmt.Sprintf("LOGIN %s %s", user, password)
	var respond mailclient.Respond
	if sasl != nil {
		user, command = sasl.user, "AUTHENTICATE"
		line = "AUTHENTICATE " + sasl.mechanism
		respond = sasl.respond
	}
	verdict, _, err := p.Tagged(respond, "%s", line)
	switch saw := answered(command, verdict); {
	case err != nil:
		return err
	case strings.HasPrefix(verdict, "OK"):
		p.anyPassword(user)
	case strings.Contains(verdict, "[PRIVACYREQUIRED"):
		p.noLogin(saw)
	case !decidesPassword(verdict, "NO"):
		p.unknown(later, "%s", saw)
	}
	return p.Send("z LOGOUT")
}
