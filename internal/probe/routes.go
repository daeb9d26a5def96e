package probe

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
)

// sourceRoute is a route that a server must remove from the address (RFC 5321
// appendix C), whatever users its own domain has.
const sourceRoute = "@%s:relay-test@example.net"

// hidden lists other ways to write an address elsewhere so that it looks like
// one of the backend's own (the percent hack of RFC 1123 §5.2.16, quotes, UUCP).
var hidden = []string{"relay-test%%example.net@%s", `"relay-test@example.net"@%s`, "example.net!relay-test@%s"}

// relaysRoutes asks whether the backend relays to an address that looks like one
// of its own, which only the backend can notice. It uses a sender that the
// backend has not refused.
func (p *prober) relaysRoutes(all []attempt) error {
	if p.KnownRecipients || p.Submission {
		return nil
	}
	p.question = aboutRoutes
	sender := all[0].sender
	for _, a := range all {
		if a.verdict == refused {
			sender = a.sender
			break
		}
	}
	domain, anything, err := p.ownDomain(sender)
	if err != nil {
		return err
	}
	if err := p.tryRoute(sender, fmt.Sprintf(sourceRoute, domain), false); err != nil {
		return err
	}
	for _, route := range hidden {
		if err := p.tryRoute(sender, fmt.Sprintf(route, domain), anything); err != nil {
			return err
		}
	}
	return nil
}

// ownDomain finds a domain that the backend treats as its own: for an unknown
// user there, it does not speak of relaying. If it accepts even that user, it
// accepts any address at the domain.
func (p *prober) ownDomain(sender string) (domain string, anything bool, err error) {
	unknown, _ := nobody()
	for _, domain := range []string{p.Hostname, idn.Parent(p.Hostname)} {
		if domain == "" {
			continue
		}
		got, err := p.takes(sender, unknown+"@"+domain)
		if err != nil {
			return "", false, err
		}
		if got.verdict == accepted || !strings.Contains(got.words, "relay") {
			return domain, got.verdict == accepted, nil
		}
	}
	return p.Hostname, false, nil
}

// tryRoute tries one address with a route in it. A backend that accepts any
// address may read the route as a user's name.
func (p *prober) tryRoute(sender, address string, anything bool) error {
	got, err := p.takes(sender, address)
	switch {
	case err != nil:
		return err
	case got.verdict == accepted && anything:
		p.unknown("see in the backend's log where mail to such an address goes", "it accepts <%s>, as it accepts every address at that domain", address)
	case got.verdict == accepted:
		p.find(Warning, "see how the backend handles addresses with a route in them (Sendmail FEATURE(`loose_relay_check'), Postfix allow_untrusted_routing)",
			"it accepts mail to <%s>, and may relay it to example.net", address)
	case got.verdict == undecided, got.verdict == wrongSender:
		p.unknown(got.remedy(), "%s", got.seen)
	}
	return nil
}
