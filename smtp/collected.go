package smtp

import (
	"cmp"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// collected is a login whose exchange is collected before the backend receives
// any of it. It makes the gate a gate.Collector.
type collected struct {
	g         *Gate
	before    *wire.Stream // the backend when the login began
	complaint string       // about the last response; empty: the client has sent "*"
}

// collectLogin collects a login. It is refused within a transaction (RFC 4954
// §4), which another backend would not know.
func (g *Gate) collectLogin(mechanism string, initial []string) error {
	if err := g.flushReplies(); err != nil {
		return err
	}
	if g.mail.started {
		return g.fault("503 5.5.1 Not within a message")
	}
	return g.s.Collect(&collected{g: g, before: g.back}, mechanism, initial)
}

// Ask sends a challenge to the client and reads the response.
func (c *collected) Ask(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	c.g.front.Print("334 ", challenge, "\r\n")
	response, c.complaint, err = syntax.ReadResponse(c.g.front, x)
	return response, c.complaint == "" && response != "*", err
}

// Admit asks whether the user may try to log in.
func (c *collected) Admit(user string) error { return c.g.s.Admit(user) }

// Hello returns the name in the client's EHLO.
func (c *collected) Hello() string { return c.g.helo }

// Reached sends the client's EHLO to the user's backend, if the session has
// moved to another backend.
func (c *collected) Reached() error {
	g := c.g
	if g.back == c.before {
		return nil
	}
	r, err := g.sendHello(g.verb, g.helo)
	if err == nil && !r.OK() {
		err = g.refused(r, g.verb)
	}
	return err
}

// Offers returns the login methods of the backend.
func (c *collected) Offers() gate.Offers { return c.g.offers() }

// Fail refuses the login.
func (c *collected) Fail(why gate.Fault) error {
	switch {
	case why == gate.Undecodable:
		return c.g.fault("501 5.5.2 Cannot decode the initial response")
	case why == gate.Inexpressible:
		return c.g.fault("501 5.5.4 This login cannot be passed on")
	case c.complaint != "":
		return c.g.fault(c.complaint)
	}
	return c.g.fault("501 5.7.0 Authentication cancelled")
}

// refusalCodes are the reply codes for the reason of a lookup, if it gives none (RFC
// 4954 §6).
var refusalCodes = map[gate.Outcome]string{
	gate.WrongPassword: "535 5.7.8", gate.Unavailable: "454 4.7.0", gate.Rejected: "535 5.7.0",
}

// Refuse refuses the login with the reason of a lookup.
func (c *collected) Refuse(r *gate.Refusal) error {
	return c.g.fault(cmp.Or(r.Code, refusalCodes[r.Outcome]) + " " + r.Text)
}

// Send logs in at the backend and passes its answer on.
func (c *collected) Send(l *gate.Login, mechanism string) error {
	r, err := c.send(l, mechanism)
	if err != nil {
		return err
	}
	if err := l.Verdict(r.Code == 235); err != nil {
		return err
	}
	switch {
	case l.Converted() && r.Code == 504: // RFC 4954 §4: unknown mechanism
		return gate.Unoffered(mechanism)
	case l.Converted() && r.Code >= 500 && r.Code <= 503: // the client's command was correct
		r.Code, r.Text = 454, []byte("454 4.7.0 Temporary authentication failure\r\n")
	}
	return c.g.finishLogin(l.User(), l.Mechanism, l.SecretSent(), r)
}

func (c *collected) send(l *gate.Login, mechanism string) (syntax.Reply, error) {
	r, err := c.g.exchange("AUTH " + mechanism)
	for err == nil && r.Code/100 == 3 {
		response, err := l.Respond(c, r.Lines()[0])
		if err != nil {
			return r, err
		}
		if r, err = c.g.exchange(response); err != nil {
			return r, err
		}
	}
	return r, err
}
