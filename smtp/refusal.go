package smtp

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// refused ends a session whose backend refuses it before the client is let in.
// A backend that knows who the client is refuses the client, which is then told
// in the backend's words; any other refuses us.
func (g *Gate) refused(r syntax.Reply, to string) error {
	if !g.seen || r.Code < 400 {
		return gate.Because(gate.BackendRefused, r.Unexpected(to))
	}
	g.refusal = lastWords(r)
	return gate.Because(gate.ClientRefused, r.Unexpected(to))
}

// maxLastLines bounds the lines of a refusal that is passed on.
const maxLastLines = 10

// lastWords are those of a refusal, as they may be passed on.
func lastWords(r syntax.Reply) string {
	lines := r.Lines()
	lines = lines[:min(len(lines), maxLastLines)]
	var b strings.Builder
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", r.Code, separator, gate.Words(line))
	}
	return b.String()
}

// maxRefused bounds how often the client hears the refusal: to EHLO, to HELO
// behind it, and once more.
const maxRefused = 3

// refuseClient gives the client the backend's refusal where a reply is due: in
// place of the greeting, or as the reply to its next command. It waits a moment
// for the client's goodbye: Postfix takes a connection that ends behind a 5yz
// reply to EHLO for a fault, and tries again for days. A 421 closes at once
// (RFC 5321 §3.8).
func (g *Gate) refuseClient() {
	if g.refusal == "" { // the backend has closed the connection after it refused a login
		g.front.Print("421 4.7.0 The server has closed the connection [", g.s.ID, "]\r\n")
		_ = g.front.Flush()
		return
	}
	g.front.Part()
	if !g.settled && !g.implicit {
		if cmd, err := syntax.ReadCommand(g.front); err == nil && cmd.Verb == "QUIT" {
			g.sayBye()
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
			g.sayBye()
			return
		}
	}
}

func (g *Gate) sayBye() {
	g.front.Print("221 2.0.0 Bye\r\n")
	_ = g.front.Flush()
}
