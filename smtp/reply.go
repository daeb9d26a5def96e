package smtp

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// hearGreeting reads the greeting, which may be a refusal.
func (g *Gate) hearGreeting() error {
	r, err := g.readReply()
	if err == nil && r.Code != 220 {
		err = g.refused(r, "the connection")
	}
	return err
}

// readReply reads one reply of the backend.
func (g *Gate) readReply() (syntax.Reply, error) {
	g.back.AwaitReply()
	return g.readLines()
}

// readVerdict reads the reply to the end of a message, which may take long
// (RFC 5321 §4.5.3.2.6: ten minutes).
func (g *Gate) readVerdict() (syntax.Reply, error) {
	g.back.AwaitVerdict()
	return g.readLines()
}

func (g *Gate) readLines() (syntax.Reply, error) {
	r, err := syntax.ReadReply(g.back, g.replies)
	switch {
	case errors.Is(err, syntax.ErrReply):
		return r, gate.Because(gate.BackendGarbage, err)
	case err != nil:
		return r, gate.FromBackend(err)
	}
	g.replies = r.Text
	return r, nil
}

const (
	helpText = "214 2.0.0 See RFC 5321 and RFC 3207\r\n"
	noAuth   = "502 5.5.1 AUTH not available here, use submission"
)

// greet says hello in our own name: the backend's tells a stranger too much.
func (g *Gate) greet() {
	g.front.Print("220 ", g.s.Hostname, " ESMTP ", g.s.Banner, "\r\n")
}
