package configs

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// describeSmarthost describes outbound mail.
func (c *Config) describeSmarthost(l Listener, add func(what, text string)) {
	s := c.Smarthost
	add("clients", joined(s.Clients)+", in plaintext, and nobody else")
	add("name", s.EHLOName)
	add("level", levelWords(s))
	for _, d := range s.Destinations {
		add("to", destinationWords(d))
	}
	if s.CA != "" {
		add("authorities", "those in "+s.CA+", and no others")
	}
	if s.ClientCertificate != nil {
		add("shown", s.ClientCertificate.Cert+" to servers that ask for a certificate")
	}
	received := "a Received header is added"
	if !l.ReceivedOn() {
		received = "no Received header is added"
	}
	add("mail", fmt.Sprintf("%s, messages up to %d bytes", received, s.MaxMessage))
}

func levelWords(s *SmarthostRules) string {
	level := LevelOf(s.Level)
	if level == outbound.None {
		return "none: no TLS"
	}
	text := s.Level + ", unless TLSA records secured by DNSSEC"
	if s.MTASTSOn() {
		text += " or an MTA-STS policy"
	}
	switch {
	case len(s.Resolvers) > 0:
		text += "; DNS from " + strings.Join(s.Resolvers, ", ")
	default:
		text += "; DNS by the resolvers in /etc/resolv.conf"
	}
	switch {
	case s.TrustResolvers:
		return text + ", which are trusted for DNSSEC"
	case len(s.Resolvers) > 0 && !s.Validates(s.Resolvers):
		return text + ", which are not trusted for DNSSEC because not all are on this machine: there is no DANE"
	}
	return text + ", which are trusted for DNSSEC only on this machine"
}

func destinationWords(d Destination) string {
	text := strings.Join(d.Domains, ", ")
	if d.NextHop != "" {
		text += " by " + d.NextHop
	}
	if len(d.Networks) > 0 {
		text += ", in private networks too: " + joined(d.Networks)
	}
	if d.Level != "" {
		text += ", level " + d.Level
	}
	if d.Policy != "" {
		text += ", policy " + d.Policy
	}
	if len(d.Match) > 0 {
		text += ", for " + strings.Join(d.Match, ", ")
	}
	if n := len(d.Fingerprints); n > 0 {
		text += fmt.Sprintf(", with one of %d fingerprints", n)
	}
	if d.CA != "" {
		text += ", verified by " + d.CA
	}
	return text
}
