package smtp

import (
	"crypto/tls"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// received is the header that tells the message's readers how it came to us
// (RFC 5321 §4.4, RFC 3848; the tls clause as RFC 8314 §4.3 has it).
func (g *Gate) received() string {
	var b strings.Builder
	b.WriteString("Received: from " + g.helo + " (" + g.from() + ")\r\n")
	b.WriteString("\tby " + g.s.Hostname + " (Letterlock) with " + g.protocol())
	if state := g.front.TLS(); state != nil {
		b.WriteString("\r\n\ttls " + suiteName(state) + "\r\n\t(" + version(state) + ")")
	}
	b.WriteString("\r\n\tid " + g.s.ID + "; " + g.s.Date() + "\r\n")
	return b.String()
}

// from is the client's address as the TCP-info of RFC 5321 §4.1.3 writes it.
func (g *Gate) from() string {
	address := g.s.Client.Addr().Unmap()
	if address.Is6() {
		return "unknown [IPv6:" + address.String() + "]"
	}
	return "unknown [" + address.String() + "]"
}

// protocol is the keyword of RFC 3848, or of RFC 6531 for SMTP itself.
func (g *Gate) protocol() string {
	if g.verb == "HELO" {
		return "SMTP"
	}
	keyword := "ESMTP"
	if g.front.TLS() != nil {
		keyword += "S"
	}
	if g.authed {
		keyword += "A"
	}
	return keyword
}

func suiteName(state *tls.ConnectionState) string {
	return tls.CipherSuiteName(state.CipherSuite)
}

// version says it the way Postfix does, which is how postmasters look for it.
func version(state *tls.ConnectionState) string {
	suite := tlspolicy.Suite(state.CipherSuite)
	bits := strconv.Itoa(suite.Bits())
	return "using " + tlspolicy.Version(state.Version).String() + " with cipher " + suite.String() + " (" + bits + "/" + bits + " bits)"
}
