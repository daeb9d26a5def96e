package smtp

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// capabilities holds the backend's last reply to EHLO.
type capabilities struct {
	lines      []string // as the client sees them, without hidden extensions
	mechanisms []string // of AUTH, filtered for the client
	offered    []string // of AUTH, as the backend offers them
	pipelining bool
	chunking   bool
	binary     bool     // BINARYMIME
	requireTLS bool     // REQUIRETLS, which the client is offered
	xclient    []string // the attributes that the backend accepts; nil: XCLIENT is not offered
	xforward   []string
}

// hidden are the extensions that the client does not see, and why. Each is a
// command that the gate does not forward, or a promise that a proxy would
// break.
var hidden = map[string]string{
	"STARTTLS":       "TLS ends at the proxy",
	"AUTH":           "shown filtered, where the client may log in",
	"XCLIENT":        "the client could claim any address or login",
	"XFORWARD":       "as XCLIENT",
	"XCONNECT":       "as XCLIENT",
	"REQUIRETLS":     "shown if TLS protects both connections; see keepsTLS",
	"BURL":           "the backend fetches the message with its own rights (RFC 4468)",
	"ETRN":           "the backend would hand out other hosts' queues, as it trusts our address",
	"ATRN":           "as ETRN",
	"TURN":           "as ETRN",
	"PIPECONNECT":    "the client would send commands before the greeting",
	"PIPE_CONNECT":   "its older name",
	"X_PIPE_CONNECT": "its oldest name",
	"VRFY":           "a keyword of old servers; the proxy may refuse the command",
	"EXPN":           "as VRFY",
	"HELP":           "answered by us",
	"X-EXPS":         "Exchange's own login",
	"X-ANONYMOUSTLS": "Exchange's own TLS",
	"X-LINK2STATE":   "Exchange's own routing",
	"XEXCH50":        "Exchange's own framing",
	"XEXPS":          "Exchange's own login",
	"SEND":           "an obsolete command",
	"SOML":           "as SEND",
	"SAML":           "as SEND",
	"ONEX":           "as SEND",
	"VERB":           "as SEND",
}

// parseCapabilities reads the reply to EHLO (RFC 5321 §4.1.1.1): the first line
// is the server's name, every other line an extension.
func (g *Gate) parseCapabilities(r syntax.Reply) capabilities {
	var c capabilities
	for _, line := range r.Lines()[1:] {
		if line == "" {
			continue
		}
		keyword, params, _ := strings.Cut(line, " ")
		switch keyword = strings.ToUpper(keyword); keyword {
		case "AUTH":
			c.addMechanisms(strings.Fields(params))
		case "PIPELINING":
			c.pipelining = true
		case "CHUNKING":
			c.chunking = true
		case "BINARYMIME":
			c.binary = true
		case "REQUIRETLS":
			if c.requireTLS = g.keepsTLS(); c.requireTLS {
				c.lines = append(c.lines, keyword)
			}
		case "XCLIENT":
			c.xclient = strings.Fields(strings.ToUpper(params))
		case "XFORWARD":
			c.xforward = strings.Fields(strings.ToUpper(params))
		}
		// AUTH=LOGIN is the form of an old draft, and the only form that some
		// servers offer. The client sees the form of RFC 4954 instead.
		if first, old := strings.CutPrefix(keyword, "AUTH="); old {
			c.addMechanisms(append([]string{first}, strings.Fields(params)...))
			continue
		}
		if _, hide := hidden[keyword]; !hide {
			c.lines = append(c.lines, line)
		}
	}
	c.mechanisms = g.s.Mechanisms.Filter(gate.Offers{SASL: relayable(c.offered)})
	// A binary message may contain any octets, including bare CR and LF.
	c.binary = c.binary && c.chunking && !g.o.RejectBareNewline
	if !c.binary {
		c.lines = slices.DeleteFunc(c.lines, isBinary)
	}
	return c
}

// keepsTLS reports whether a message reaches the backend as REQUIRETLS demands: the
// client uses TLS, and so does the connection to the backend, which it authenticates
// (RFC 8689 §4.2.1).
func (g *Gate) keepsTLS() bool {
	return g.o.ProvenBackend && g.front.TLS() != nil && g.back.TLS() != nil
}

// addMechanisms adds mechanisms that the backend offers, each once.
func (c *capabilities) addMechanisms(mechanisms []string) {
	for _, name := range mechanisms {
		if name = strings.ToUpper(name); name != "" && !slices.Contains(c.offered, name) {
			c.offered = append(c.offered, name)
		}
	}
}

// offers returns the login methods of the backend. SMTP has no login command
// other than AUTH.
func (g *Gate) offers() gate.Offers { return gate.Offers{SASL: g.caps.offered} }

func isBinary(line string) bool {
	keyword, _, _ := strings.Cut(line, " ")
	return strings.EqualFold(keyword, "BINARYMIME")
}

// relayable drops the mechanisms that can put a security layer around the rest
// of the session (RFC 4752, RFC 2831). The gate parses SMTP to the end of the
// session and could not read it.
func relayable(mechanisms []string) []string {
	var kept []string
	for _, m := range mechanisms {
		if !gate.HasLayers(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// printCapabilities answers EHLO with the backend's extensions and our own.
func (g *Gate) printCapabilities() {
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
