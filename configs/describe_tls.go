package configs

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// describeTLS describes other TLS settings, if they are not the default.
func (c *Config) describeTLS(l Listener, add func(what, text string)) {
	if len(l.HideSTARTTLS) > 0 {
		add("STARTTLS", "not offered to "+joined(l.HideSTARTTLS))
	}
	if l.servesOwn() {
		add("certificate", "of this listener: "+c.ServedBy(l).words())
	}
	if l.SNI == "strict" {
		add("names", "clients that request no name of a certificate (SNI) are refused")
	}
	switch {
	case l.ClientCertificates == "require":
		add("clients", "need a certificate of an authority in "+l.ClientCA)
	case l.AsksClients() && l.ClientCA != "":
		add("clients", "are asked for a certificate of an authority in "+l.ClientCA+", which is logged")
	case l.AsksClients():
		add("clients", "are asked for a certificate, which is logged")
	}
	if !l.TicketsOn() {
		add("tickets", "none, every handshake is a full one")
	}
	for _, exception := range l.Exceptions {
		add("exception", c.exceptionWords(l, exception))
	}
}

func versionWords(p tlspolicy.Policy) string {
	if p.Min == p.Max {
		return p.Min.String()
	}
	return fmt.Sprintf("%s to %s", p.Min, p.Max)
}

// suiteWords lists the suites without those that no allowed version can use.
func suiteWords(p tlspolicy.Policy) string {
	switch {
	case p.Min >= tlspolicy.VersionTLS13:
		return "those of TLSv1.3"
	case p.Max >= tlspolicy.VersionTLS13:
		return "those of TLSv1.3, " + joined(p.Suites)
	default:
		return joined(p.Suites)
	}
}

// plaintextWords describes what happens to a server that does not start TLS.
func plaintextWords(l Listener) string {
	switch {
	case l.RequireTLS.All:
		return "refused, except for the commands before STARTTLS"
	case len(l.RequireTLS.Networks)+len(l.RequireTLS.Domains) == 0:
		return "accepted, because some mail servers have no TLS"
	}
	var partners []string
	for _, n := range l.RequireTLS.Networks {
		partners = append(partners, n.String())
	}
	partners = append(partners, l.RequireTLS.Domains...)
	return "accepted, except from " + strings.Join(partners, ", ")
}

// loginWords describes when a login is allowed, see
// tlspolicy.Policy.AuthAllowed.
func loginWords(l Listener, p tlspolicy.Policy) string {
	if l.Service == SMTP && !l.Auth {
		return "not offered"
	}
	text := "after TLSv1.2 or later with ECDHE and AEAD"
	switch {
	case p.Min >= tlspolicy.VersionTLS13:
		text = "after TLSv1.3"
	case p.LegacyAuth:
		text = "after TLSv1.2 or later with ECDHE"
	}
	if l.Service == Submission || l.Service == Submissions {
		text += ", and required before any mail"
	}
	if len(l.HideMechanisms) > 0 {
		text += "; not offered: " + strings.Join(l.HideMechanisms, ", ")
	}
	if len(l.UnnamedMechanisms) > 0 {
		text += "; without the user's name in the log: " + strings.Join(l.UnnamedMechanisms, ", ")
	}
	return text
}
