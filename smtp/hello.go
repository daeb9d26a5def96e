package smtp

import "github.com/letterlock/letterlock/smtp/syntax"

// nameIn is the name by which a client introduces itself. Devices and desktop
// computers call themselves "My Printer", "(none)" or "pc,1", or nothing at all:
// on submission, where the login says who they are, they are taken all the same,
// and the backend and the Received header get another name in its place.
func (g *Gate) nameIn(cmd syntax.Line) (name string, ok bool) {
	switch {
	case syntax.ValidName(cmd.Args):
		return cmd.Args, true
	case g.o.Auth == RequireAuth:
		return syntax.UnknownName, true
	}
	return "", false
}

// hello is EHLO or HELO. Of a client in clear the backend does not hear yet
// (see Open): it may still start TLS, and begin anew.
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
		g.welcome()
		return nil
	}
	r, err := g.sendHello(cmd.Verb, name)
	if err != nil {
		return err
	}
	if err := g.over(); err != nil {
		return err
	}
	if !r.OK() {
		return g.pass(r)
	}
	g.helo, g.verb, g.helloDue = name, cmd.Verb, false
	g.welcome()
	return nil
}

func (g *Gate) welcome() {
	if g.verb == "HELO" {
		g.front.Print("250 ", g.s.Hostname, "\r\n")
		return
	}
	g.show()
}

// sayHello introduces us or the client to the backend, and learns what it can
// do. A backend from before ESMTP is greeted with HELO from then on, whoever
// introduces itself: it offers nothing, and the client's EHLO is answered by us
// all the same. Our STARTTLS does not depend on it.
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

// unknownVerb reports whether a code is that with which servers answer an EHLO
// that they do not know (RFC 1869 §4.5). Others are refusals of the name or of
// the client, which HELO would not change.
func unknownVerb(code int) bool { return code == 500 || code == 501 || code == 502 || code == 504 }

// sayHelloOnce is sayHello without another try. Some backends (OpenSMTPD,
// Sendmail of old) know one name in a session, and answer the next with 503:
// they keep the first, and are made to forget the rest.
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

// introduce introduces us to the backend by our own name.
func (g *Gate) introduce() error {
	r, err := g.sendHello("EHLO", g.s.Hostname)
	if err == nil && !r.OK() {
		err = g.refused(r, "EHLO")
	}
	return err
}

// introduceClient tells the backend the name of a client that has declined
// TLS and now sends mail. A refusal becomes the answer to that mail.
func (g *Gate) introduceClient() (welcome bool, err error) {
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
