package configs

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// describeSmarthost describes outbound mail.
func (c *Config) describeSmarthost(l Listener, add func(what, text string)) {
	s := c.Smarthost
	add("clients", clientWords(s, l))
	for _, d := range s.Devices {
		add("device", deviceWords(d))
	}
	if p, err := c.PolicyOf(l); err == nil {
		add("policy", p.Name)
		c.describeTLS(l, add)
	}
	add("name", s.EHLOName)
	add("level", levelWords(s))
	for _, d := range s.Destinations {
		add("to", destinationWords(d))
	}
	if s.CA != "" {
		add("authorities", "those in "+s.CA+", and no others")
	}
	if s.ClientCertificate != nil {
		add("certificate", s.ClientCertificate.Cert+", for servers that ask for one")
	}
	if s.TLSRPT != nil {
		add("reports", s.TLSRPT.words())
	}
	received := "a Received header is added"
	if !l.ReceivedOn() {
		received = "no Received header is added"
	}
	add("mail", fmt.Sprintf("%s, messages up to %d bytes", received, s.MaxMessage))
}

func clientWords(s *SmarthostRules, l Listener) string {
	text := joined(s.Clients) + ", in plaintext"
	switch {
	case l.Service.Implicit():
		text = joined(s.Clients) + ", in TLS"
	case l.OffersTLS():
		text += " or TLS"
	}
	if len(s.Devices) > 0 {
		return text + ", and devices"
	}
	return text + ", and no others"
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
	text += " demand more"
	if s.TLSRequiredNo {
		text += " and the message has no header TLS-Required: No"
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
	if len(d.Senders) > 0 {
		text += ", from " + strings.Join(d.Senders, ", ")
	}
	if d.NextHop != "" {
		text += " by " + strings.Join(append([]string{d.NextHop}, d.Fallback...), ", then ")
	}
	if d.Login != nil {
		text += " with a login as " + d.Login.User
		if o := d.Login.OAuth; o != nil {
			text += " by OAuth (" + o.Grant + ")"
		}
	}
	if d.RewriteSender != "" {
		text += ", with the sender " + d.RewriteSender
	}
	if d.RewriteFrom {
		text += ", also in From"
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
