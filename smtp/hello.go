package smtp

import "github.com/letterlock/letterlock/smtp/syntax"

// nameIn returns the name in an EHLO or HELO. Devices and desktop computers use
// names such as "My Printer", "(none)" or "pc,1", or none. On submission, where
// the login identifies the client, these are accepted, and the backend and the
// Received header get another name instead.
func (g *Gate) nameIn(cmd syntax.Line) (name string, ok bool) {
	switch {
	case syntax.ValidName(cmd.Args):
		return cmd.Args, true
	case g.o.Auth == RequireAuth:
		return syntax.UnknownName, true
	}
	return "", false
}

// hello handles EHLO and HELO. The EHLO of a client without TLS is not
// forwarded yet: the client may still start TLS and then sends another one (see
// Open).
func (g *Gate) hello(cmd syntax.Line) error {
	name, ok := g.nameIn(cmd)
	if !ok {
		return g.fault("501 5.5.4 Syntax: " + cmd.Verb + " hostname")
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	clear := g.front.TLS() == nil
	if clear && (g.helo == "" || g.helloDue) {
		g.helo, g.verb, g.helloDue = name, cmd.Verb, true
		g.greetClient()
		return nil
	}
	r, err := g.sendHello(cmd.Verb, name)
	if err != nil {
		return err
	}
	if err := g.endTransaction(); err != nil {
		return err
	}
	if !r.OK() {
		return g.pass(r)
	}
	g.helo, g.verb, g.helloDue = name, cmd.Verb, false
	g.greetClient()
	return nil
}

// greetClient replies to EHLO or HELO.
func (g *Gate) greetClient() {
	if g.verb == "HELO" {
		g.front.Print("250 ", g.s.Hostname, "\r\n")
		return
	}
	g.printCapabilities()
}

// sendHello sends an EHLO, ours or the client's, to the backend and learns the
// backend's extensions. A backend that does not know EHLO gets HELO from then
// on. It offers no extensions; the client's EHLO and our STARTTLS work all the
// same.
func (g *Gate) sendHello(verb, name string) (syntax.Reply, error) {
	if g.noEHLO {
		verb = "HELO"
	}
	r, err := g.sendHelloOnce(verb, name)
	if err != nil || verb != "EHLO" || !unknownVerb(r.Code) {
		return r, err
	}
	r, err = g.sendHelloOnce("HELO", name)
	g.noEHLO = err == nil && r.OK()
	return r, err
}

// unknownVerb reports whether a code is one with which servers reply to an EHLO
// that they do not know (RFC 1869 §4.5). Any other code refuses the name or the
// client, and HELO would not change that.
func unknownVerb(code int) bool { return code == 500 || code == 501 || code == 502 || code == 504 }

// sendHelloOnce sends one EHLO or HELO. Some backends (OpenSMTPD, old Sendmail)
// accept one EHLO in a session and reply to the next with 503. They keep the
// first name, and RSET clears the rest.
func (g *Gate) sendHelloOnce(verb, name string) (syntax.Reply, error) {
	r, err := g.exchange(verb + " " + name)
	if err == nil && r.Code == 503 && g.introduced {
		return g.exchange("RSET")
	}
	if err == nil && r.OK() {
		g.introduced = true
		g.caps = capabilities{}
		if verb == "EHLO" {
			g.caps = g.parseCapabilities(r)
		}
	}
	return r, err
}

// introduce sends the backend an EHLO with our own name.
func (g *Gate) introduce() error {
	r, err := g.sendHello("EHLO", g.s.Hostname)
	if err == nil && !r.OK() {
		err = g.refused(r, "EHLO")
	}
	return err
}

// introduceClient sends the backend the EHLO of a client that now sends mail
// without TLS. If the backend refuses it, the client receives that refusal as
// the reply to its command.
func (g *Gate) introduceClient() (accepted bool, err error) {
	if !g.helloDue {
		return true, nil
	}
	g.helloDue = false
	r, err := g.sendHello(g.verb, g.helo)
	switch {
	case err != nil:
		return false, err
	case r.OK():
		return true, nil
	}
	g.helo = ""
	return false, g.pass(r)
}
