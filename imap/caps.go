package imap

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// plaintextCapabilities are the capabilities before TLS. None is the backend's,
// and there is no AUTH= or SASL-IR that would invite the client to send a
// password. ID is answered but not offered, because a client would send its
// details in plaintext. LITERAL+ is not offered because no command before TLS
// needs a literal.
var plaintextCapabilities = []string{"IMAP4rev1", "STARTTLS", "LOGINDISABLED"}

// hidden are the backend's capabilities that are not offered to the client,
// with the reasons.
var hidden = map[string]string{
	"STARTTLS":          "TLS ends at the proxy, and is on",
	"LOGINDISABLED":     "shown if the proxy cannot pass a password on by any mechanism",
	"LOGIN-REFERRALS":   "a referral names the plaintext backend (RFC 2221)",
	"MAILBOX-REFERRALS": "a referral names the plaintext backend (RFC 2193)",
	"UNAUTHENTICATE":    "the relay is not parsed: the next login would pass unseen (RFC 8437)",
	"XCLIENT":           "the client could claim any address",
	"XFORWARD":          "the client could claim any address",
}

// shown returns the backend's capabilities that are offered to the client, in
// the backend's order and spelling. Without AuthAllowed it offers no login.
func shown(words []string, mechanisms *gate.Mechanisms, authAllowed bool) []string {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		upper := strings.ToUpper(word)
		if mechanism, ok := strings.CutPrefix(upper, "AUTH="); ok {
			return !authAllowed || !mechanisms.Allows(mechanism)
		}
		_, hide := hidden[upper]
		return hide
	})
	if !authAllowed {
		return append(words, "LOGINDISABLED")
	}
	return words
}

// logins adds LOGINDISABLED if the client's password cannot be forwarded, and
// the mechanisms that the proxy accepts and converts to another one for the
// backend.
func logins(words []string, mechanisms *gate.Mechanisms, offers gate.Offers) []string {
	if !mechanisms.TakesPasswords(offers) {
		words = append(words, "LOGINDISABLED")
	}
	for _, mechanism := range mechanisms.Filter(offers) {
		if word := "AUTH=" + mechanism; !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
			words = append(words, word)
		}
	}
	return words
}

// offersIn returns the login methods of a backend with these capabilities.
func offersIn(words []string) gate.Offers {
	offers := gate.Offers{Command: true}
	for _, word := range words {
		upper := strings.ToUpper(word)
		if mechanism, ok := strings.CutPrefix(upper, "AUTH="); ok {
			offers.SASL = append(offers.SASL, mechanism)
		}
		offers.Command = offers.Command && upper != "LOGINDISABLED"
	}
	return offers
}

// offers returns the login methods of the backend.
func (g *Gate) offers() gate.Offers { return offersIn(g.offer) }

// capabilities are the backend's latest, in its own order and spelling.
type capabilities []string

// has reports whether the backend has a capability. Upper and lower case mean
// the same (RFC 9051 §6.1.1), and IMAP4rev2 includes SASL-IR (RFC 9051 appendix
// E).
func (c capabilities) has(name string) bool {
	return slices.ContainsFunc(c, func(word string) bool {
		return strings.EqualFold(word, name) || name == "SASL-IR" && strings.EqualFold(word, "IMAP4rev2")
	})
}

// setCapabilities stores the backend's latest capabilities and returns the list
// for the client.
func (g *Gate) setCapabilities(list string) string {
	g.offer = strings.Fields(list)
	return g.capabilityList()
}

// capabilityList returns the capabilities that are offered to the client. A
// list that the backend sends with its reply to a login describes the session
// after the login.
func (g *Gate) capabilityList() string {
	authAllowed := g.authAllowed()
	list := shown(g.offer, g.s.Mechanisms, authAllowed)
	if authAllowed && !g.loggingIn {
		list = logins(list, g.s.Mechanisms, g.offers())
	}
	return strings.Join(list, " ")
}

// authAllowed reports whether the client's TLS session is good enough for a
// login.
func (g *Gate) authAllowed() bool { return g.s.AuthAllowed(g.front.TLS()) }
