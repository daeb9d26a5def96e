package smtp

import (
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// received returns the Received header (RFC 5321 §4.4, RFC 3848) with the tls
// clause of RFC 8314 §7.4, which comes last. TLS version, cipher and bits are
// written as Postfix writes them, because postmasters search for that form.
func (g *Gate) received() string { return g.trace(g.front.TLS()) }

// trace returns the header for a TLS session, or for none.
func (g *Gate) trace(state *tls.ConnectionState) string {
	return "Received: from " + g.fromDomain() + "\r\n" +
		"\tby " + g.s.Hostname + " (Letterlock) with " + g.protocol(state != nil) + "\r\n" +
		"\tid " + g.s.ID + g.tlsClause(state) + "; " + g.s.Mail.Date() + "\r\n"
}

// tlsClause returns the tls clause, which is the same for all messages of the
// session.
func (g *Gate) tlsClause(state *tls.ConnectionState) string {
	if state == nil {
		return ""
	}
	if g.clause == "" {
		g.clause = " tls " + tls.CipherSuiteName(state.CipherSuite) + "\r\n\t(using " + tlspolicy.Describe(state) + ")"
	}
	return g.clause
}

// fromDomain returns the client's EHLO name and, in parentheses, its host name
// and address. A name that is neither a domain nor an address literal is moved
// to a comment. With HideClient the header names the proxy instead.
func (g *Gate) fromDomain() string {
	if g.o.HideClient {
		return g.s.Hostname
	}
	address := g.literal()
	name := g.s.ClientName().Confirmed
	if name == "" {
		name = "unknown"
	}
	if !isDomain(g.helo) && !isLiteral(g.helo) {
		return address + " (" + name + " " + address + ") (HELO " + ascii(g.helo) + ")"
	}
	return g.helo + " (" + name + " " + address + ")"
}

// literal returns the client's address as RFC 5321 §4.1.3 writes it.
func (g *Gate) literal() string {
	address, _ := g.s.Originating()
	if g.s.Client.Addr().Unmap().Is6() {
		return "[IPv6:" + address + "]"
	}
	return "[" + address + "]"
}

// protocol returns the keyword of RFC 3848, or of RFC 6531 for SMTP itself.
func (g *Gate) protocol(secure bool) string {
	if g.verb == "HELO" {
		return "SMTP"
	}
	keyword := "ESMTP"
	if secure {
		keyword += "S"
	}
	if g.authed {
		keyword += "A"
	}
	return keyword
}

// isDomain reports whether a name is a Domain of RFC 5321 §4.1.2, in ASCII.
func isDomain(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !alphanumeric(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

// isLiteral reports whether a name is an address in brackets. The other
// literals of RFC 5321 §4.1.3 are not in use.
func isLiteral(name string) bool {
	inner, opened := strings.CutPrefix(name, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	v6 := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if v6 {
		inner = inner[5:]
	}
	address, err := netip.ParseAddr(inner)
	return opened && closed && err == nil && address.Is6() == v6 && address.Zone() == ""
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// ascii returns a name of EHLO in a form that is valid in a comment of a
// header; syntax.ValidName has excluded parentheses and backslashes.
func ascii(name string) string {
	return strings.Map(func(c rune) rune {
		if c > '~' {
			return '?'
		}
		return c
	}, name)
}
