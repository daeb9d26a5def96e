package smtp

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// capabilities are what the backend has said about itself in its last reply
// to EHLO.
type capabilities struct {
	lines      []string // as they are shown: without what is hidden
	mechanisms []string // of AUTH; already filtered
	offered    []string // the same, of the backend, in either form
	pipelining bool
	chunking   bool
	binary     bool     // BINARYMIME
	xclient    []string // the attributes that it takes; nil: none at all
	xforward   []string
}

// hidden extensions are not shown, whatever the backend offers. Each is a
// command that we do not carry, or a promise that a proxy would break.
var hidden = map[string]string{
	"STARTTLS":       "TLS is ours",
	"AUTH":           "shown filtered, and only where it is taken",
	"XCLIENT":        "the backend would take the client's word for who it is",
	"XFORWARD":       "as XCLIENT",
	"XCONNECT":       "as XCLIENT",
	"REQUIRETLS":     "the leg behind us is in clear (RFC 8689)",
	"BURL":           "a command with the backend's own trust (RFC 4468)",
	"ETRN":           "the backend would trust us with other people's queues",
	"ATRN":           "as ETRN",
	"TURN":           "as ETRN",
	"PIPECONNECT":    "commands before the greeting would have to be trusted",
	"PIPE_CONNECT":   "its older name",
	"X_PIPE_CONNECT": "its oldest name",
	"VRFY":           "a keyword of old servers; the command is ours to refuse",
	"EXPN":           "as VRFY",
	"HELP":           "answered by us",
	"X-EXPS":         "Exchange's own login",
	"X-ANONYMOUSTLS": "Exchange's own TLS",
	"X-LINK2STATE":   "Exchange's own routing",
	"XEXCH50":        "Exchange's own framing",
	"XEXPS":          "Exchange's own login",
	"SEND":           "a command that is long gone",
	"SOML":           "as SEND",
	"SAML":           "as SEND",
	"ONEX":           "as SEND",
	"VERB":           "as SEND",
}

// parseCapabilities reads the reply to EHLO (RFC 5321 §4.1.1.1): the first
// line is the name, each other one an extension.
func (g *Gate) parseCapabilities(r syntax.Reply) capabilities {
	var c capabilities
	for _, line := range r.Lines()[1:] {
		if line == "" {
			continue
		}
		keyword, params, _ := strings.Cut(line, " ")
		switch keyword = strings.ToUpper(keyword); keyword {
		case "AUTH":
			c.offer(strings.Fields(params))
		case "PIPELINING":
			c.pipelining = true
		case "CHUNKING":
			c.chunking = true
		case "BINARYMIME":
			c.binary = true
		case "XCLIENT":
			c.xclient = strings.Fields(strings.ToUpper(params))
		case "XFORWARD":
			c.xforward = strings.Fields(strings.ToUpper(params))
		}
		// AUTH=LOGIN is the form of an old draft, and for some servers the only
		// one. It is read as the new form, which is shown in its place.
		if first, old := strings.CutPrefix(keyword, "AUTH="); old {
			c.offer(append([]string{first}, strings.Fields(params)...))
			continue
		}
		if _, hide := hidden[keyword]; !hide {
			c.lines = append(c.lines, line)
		}
	}
	c.mechanisms = g.s.Mechanisms.Filter(gate.Offers{SASL: relayable(c.offered)})
	// What is binary may hold any octets, and passes with all of them.
	c.binary = c.binary && c.chunking && !g.o.RejectBareNewline
	if !c.binary {
		c.lines = slices.DeleteFunc(c.lines, isBinary)
	}
	return c
}

// offer adds mechanisms that the backend offers, each once.
func (c *capabilities) offer(mechanisms []string) {
	for _, name := range mechanisms {
		if name = strings.ToUpper(name); name != "" && !slices.Contains(c.offered, name) {
			c.offered = append(c.offered, name)
		}
	}
}

// offers are the ways to log in at the backend. SMTP has no command of its own.
func (g *Gate) offers() gate.Offers { return gate.Offers{SASL: g.caps.offered} }

func isBinary(line string) bool {
	keyword, _, _ := strings.Cut(line, " ")
	return strings.EqualFold(keyword, "BINARYMIME")
}

// passable drops the mechanisms that can put a security layer around what
// follows (RFC 4752, RFC 2831): SMTP stays parsed to its end.
func relayable(mechanisms []string) []string {
	var kept []string
	for _, m := range mechanisms {
		if !gate.HasLayers(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// show answers EHLO with the backend's extensions and our own.
func (g *Gate) show() {
	lines := append([]string{g.s.Hostname}, g.caps.lines...)
	switch {
	case g.front.TLS() == nil && g.front.Handshake != nil:
		if !g.o.HideSTARTTLS {
			lines = append(lines, "STARTTLS")
		}
	case g.mayAuth() && len(g.caps.mechanisms) > 0:
		lines = append(lines, "AUTH "+strings.Join(g.caps.mechanisms, " "))
	}
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		g.front.Print("250", separator, line, "\r\n")
	}
}
