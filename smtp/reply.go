package smtp

import (
	"strings"

	"github.com/letterlock/letterlock/smtp/syntax"
)

const (
	helpText = "214 2.0.0 See RFC 5321 and RFC 3207\r\n"
	noAuth   = "502 5.5.1 AUTH not available here, use submission"
)

// greet sends the client a greeting with our own name: the backend's greeting
// may reveal its software and version.
func (g *Gate) greet() {
	g.front.Print("220 ", g.s.Hostname, " ESMTP ", g.s.Banner, "\r\n")
}

// answer sends a reply of our own, after the replies that are still due.
func (g *Gate) answer(text string) {
	if len(g.pending) == 0 {
		g.front.Print(text, "\r\n")
		return
	}
	g.expect(expected{own: text + "\r\n"})
}

// maxRefused bounds how often the client gets the refusal: in reply to EHLO, to
// the HELO after it, and once more.
const maxRefused = 3

// refuseClient sends the client the backend's refusal where a reply is due:
// instead of the greeting, or as the reply to its next command. It waits a
// moment for the client's QUIT: Postfix treats a connection that ends after a
// 5yz reply to EHLO as a temporary fault, and tries again for days. After a 421
// the connection is closed at once (RFC 5321 §3.8).
func (g *Gate) refuseClient() {
	if g.refusal == "" { // the backend has closed the connection after it refused a login
		g.front.Print("421 4.7.0 The server has closed the connection [", g.s.ID, "]\r\n")
		_ = g.front.Flush()
		return
	}
	g.front.Part()
	if !g.settled && !g.implicit {
		if cmd, err := syntax.ReadCommand(g.front); err == nil && cmd.Verb == "QUIT" {
			g.sendBye()
			return
		}
	}
	for range maxRefused {
		g.front.Print(g.refusal)
		if g.front.Flush() != nil || strings.HasPrefix(g.refusal, "421") {
			return
		}
		cmd, err := syntax.ReadCommand(g.front)
		if err != nil {
			return
		}
		if cmd.Verb == "QUIT" {
			g.sendBye()
			return
		}
	}
}

func (g *Gate) sendBye() {
	g.front.Print("221 2.0.0 Bye\r\n")
	_ = g.front.Flush()
}
