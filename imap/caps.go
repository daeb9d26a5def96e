package imap

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// clearCapabilities is all that is shown before TLS: nothing of the backend's,
// no AUTH= and no SASL-IR, which would invite a password. ID is answered but
// not offered: who asks for it would describe himself to whoever listens.
// LITERAL+ is not offered because a literal in clear is never wanted.
var clearCapabilities = []string{"IMAP4rev1", "STARTTLS", "LOGINDISABLED"}

// hidden are the backend's words that do not reach a client, and why.
var hidden = map[string]string{
	"STARTTLS":          "TLS is ours, and is on",
	"LOGINDISABLED":     "shown where we cannot pass a password on by other means either",
	"LOGIN-REFERRALS":   "a referral names the plaintext backend (RFC 2221)",
	"MAILBOX-REFERRALS": "a referral names the plaintext backend (RFC 2193)",
	"UNAUTHENTICATE":    "the relay reads no more: the next login would pass unseen (RFC 8437)",
	"XCLIENT":           "who the client is, is for us to say",
	"XFORWARD":          "who the client is, is for us to say",
}

// shown returns those of the backend's capabilities that a client sees, in
// the backend's order and words. Over TLS that is too weak for a login, none
// is offered.
func shown(words []string, mechanisms *gate.Mechanisms, strong bool) []string {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		upper := strings.ToUpper(word)
		if mechanism, ok := strings.CutPrefix(upper, "AUTH="); ok {
			return !strong || !mechanisms.Allows(mechanism)
		}
		_, hide := hidden[upper]
		return hide
	})
	if !strong {
		return append(words, "LOGINDISABLED")
	}
	return words
}

// logins adds what the client is told of logins beside that: LOGINDISABLED where
// its password cannot be passed on, and the mechanisms that are not the
// backend's, where we log in by means of our own.
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

// offersIn are the ways to log in of a backend with these capabilities.
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

// offers are the ways to log in at the backend.
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

// learn keeps the backend's latest capabilities and returns what the client
// is told instead of them.
func (g *Gate) learn(list string) string {
	g.offer = strings.Fields(list)
	return g.capabilityList()
}

// capabilityList is what the client is told that the backend can do. What a
// backend says while it answers a login is for the time behind it.
func (g *Gate) capabilityList() string {
	strong := g.authAllowed()
	list := shown(g.offer, g.s.Mechanisms, strong)
	if strong && !g.entering {
		list = logins(list, g.s.Mechanisms, g.offers())
	}
	return strings.Join(list, " ")
}

// authAllowed reports whether the client's TLS session is good enough for a login.
func (g *Gate) authAllowed() bool { return g.s.AuthAllowed(g.front.TLS()) }
