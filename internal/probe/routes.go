package probe

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
)

// sourceRoute is a route that a server must take off the address (RFC 5321
// appendix C), whatever users its own domain has.
const sourceRoute = "@%s:relay-test@example.net"

// hidden are other ways to write an address elsewhere so that it looks like one
// of the backend's own (the percent hack of RFC 1123 §5.2.16, quotes, UUCP).
var hidden = []string{"relay-test%%example.net@%s", `"relay-test@example.net"@%s`, "example.net!relay-test@%s"}

// relaysRoutes asks whether the backend relays to an address that looks like its
// own, where nobody but the backend could notice. It asks as a sender whom the
// backend has not refused.
func (v *visit) relaysRoutes(all []attempt) error {
	if v.Guarded || v.Submission {
		return nil
	}
	v.question = aboutRoutes
	sender := all[0].sender
	for _, a := range all {
		if a.verdict == refused {
			sender = a.sender
			break
		}
	}
	domain, anything, err := v.ownDomain(sender)
	if err != nil {
		return err
	}
	if err := v.tryRoute(sender, fmt.Sprintf(sourceRoute, domain), false); err != nil {
		return err
	}
	for _, route := range hidden {
		if err := v.tryRoute(sender, fmt.Sprintf(route, domain), anything); err != nil {
			return err
		}
	}
	return nil
}

// ownDomain finds a domain that the backend takes for its own: it does not
// refuse to relay to a user whom it does not know there. The backend takes
// anything there if it does not refuse that user at all.
func (v *visit) ownDomain(sender string) (domain string, anything bool, err error) {
	unknown, _ := nobody()
	for _, domain := range []string{v.Hostname, idn.Parent(v.Hostname)} {
		if domain == "" {
			continue
		}
		got, err := v.takes(sender, unknown+"@"+domain)
		if err != nil {
			return "", false, err
		}
		if got.verdict == accepted || !strings.Contains(got.words, "relay") {
			return domain, got.verdict == accepted, nil
		}
	}
	return v.Hostname, false, nil
}

// tryRoute asks for one address with a route in it. A backend that takes
// anything may take it for a user's name.
func (v *visit) tryRoute(sender, address string, anything bool) error {
	got, err := v.takes(sender, address)
	switch {
	case err != nil:
		return err
	case got.verdict == accepted && anything:
		v.unknown("see in the backend's log where mail to such an address goes", "it takes <%s>, as it takes every address at that domain", address)
	case got.verdict == accepted:
		v.find(Warning, "see what the backend makes of addresses with a route in them (Sendmail FEATURE(`loose_relay_check'), Postfix allow_untrusted_routing)",
			"it takes mail to <%s>, and may send it on to example.net", address)
	case got.verdict == undecided, got.verdict == wrongSender:
		v.unknown(got.remedy(), "%s", got.seen)
	}
	return nil
}
