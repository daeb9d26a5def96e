package probe

import "strings"

// sieve tries a login that must be refused.
func (p *prober) sieve() error {
	if err := p.secure(); err != nil {
		return err
	}
	offered, err := p.Capabilities()
	if err != nil {
		return err
	}
	offered, ok, err := p.handoverSieve(offered)
	if err != nil || !ok {
		return err
	}
	p.question = aboutLogin
	if err := p.loginSieve(offered.Mechanisms); err != nil {
		return err
	}
	return p.Send("LOGOUT")
}

// loginSieve tries to log in with a made-up password.
func (p *prober) loginSieve(mechanisms []string) error {
	switch {
	case len(mechanisms) == 0:
		p.noLogin("there are no SASL mechanisms")
		return nil
	case p.lacks(mechanisms):
		return nil
	case !p.needsSASL() && !forPasswords(mechanisms):
		p.noLogin("only " + strings.Join(mechanisms, ", "))
		return nil
	}
	l := p.login(mechanisms)
	if l == nil {
		return nil
	}
	reply, err := p.authenticateSieve(l)
	switch saw, upper := answered("AUTHENTICATE", reply), strings.ToUpper(reply); {
	case err != nil:
		return err
	case strings.HasPrefix(upper, "OK"):
		p.anyPassword(l.user)
	case strings.Contains(upper, "(ENCRYPT-NEEDED"), strings.Contains(upper, "(AUTH-TOO-WEAK"):
		p.noLogin(saw)
	case !decidesPassword(reply, "NO"):
		p.unknown(later, "%s", saw)
	}
	return nil
}

// authenticateSieve answers the server's challenges, which are quoted strings or
// literals (RFC 5804 §2.1), and returns its verdict.
func (p *prober) authenticateSieve(l *login) (string, error) {
	initial := strings.TrimSpace(l.initial())
	if initial != "" {
		initial = ` "` + initial + `"`
	}
	reply, err := p.Exchange(`AUTHENTICATE "%s"%s`, l.mechanism, initial)
	for err == nil && !l.cancelled() {
		switch {
		case strings.HasPrefix(reply, "{"):
			reply, err = p.Line()
		case strings.HasPrefix(reply, `"`):
			reply = strings.Trim(reply, `"`)
		default:
			return reply, nil
		}
		if err == nil {
			reply, err = p.Exchange(`"%s"`, l.respond(reply))
		}
	}
	return reply, err
}
