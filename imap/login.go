package imap

import "github.com/letterlock/letterlock/internal/gate"

// login handles LOGIN (RFC 9051 §6.2.3).
func (g *Gate) login(cmd command) error {
	switch {
	case !g.authAllowed():
		return g.denyLogin(cmd, gate.ErrWeakTLS, tooWeak)
	case !g.s.Mechanisms.TakesPasswords(g.offers()):
		return g.denyLogin(cmd, gate.ErrMechanism, disabled)
	}
	// The gate invites a literal only here, because TLS has started and is good
	// enough for a password.
	if err := g.collect(&cmd); err != nil {
		return err
	}
	user, password, ok := cmd.args.credentials()
	if !ok {
		return g.bad(cmd, "Syntax: LOGIN name password")
	}
	if g.s.Mechanisms.CollectsCommand(g.offers()) {
		return g.s.LogIn(g.collected(cmd), gate.CommandLogin("LOGIN", user, password))
	}
	if err := g.admit(cmd, user); err != nil {
		return err
	}
	req := g.loginRequest(user, password)
	r, err := g.tryLogin(req, nil)
	if err != nil {
		return err
	}
	return g.verdict(cmd, r, user, "LOGIN", req.sent())
}

// credentials reads the arguments of LOGIN. A name or a password with a line
// end or a NUL is refused.
func (a *arguments) credentials() (user, password string, ok bool) {
	if ok = a.skip(" "); !ok {
		return "", "", false
	}
	if user, ok = a.userString(); !ok || !a.skip(" ") {
		return "", "", false
	}
	password, ok = a.userString()
	return user, password, ok && a.ended() && !breaksLine(user) && !breaksLine(password)
}

// loginRequest returns the LOGIN command for the backend. A client may write
// its strings in three forms; the backend gets one.
func (g *Gate) loginRequest(user, password string) *request {
	req := g.request("LOGIN ")
	req.addString(user)
	req.add(" ")
	req.addString(password)
	req.finish()
	return req
}

// denyLogin refuses a LOGIN that is not forwarded, and reports it.
func (g *Gate) denyLogin(cmd command, why error, text string) error {
	user, _, _ := cmd.args.credentials()
	g.s.Observer.Denied(user, "LOGIN", why)
	return g.refuseAtOnce(cmd, text)
}
