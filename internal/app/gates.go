package app

import (
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/imap"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/pop3"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/sieve"
	"github.com/letterlock/letterlock/smtp"
)

// protocol is what serve has to know of a listener's protocol: its gate, and
// the ALPN names under which clients may ask for it (RFC 7301; `imap`, `pop3`
// and `managesieve` are registered, and for SMTP these are in use).
type protocol struct {
	newGate func(*gate.Session) proxy.Gate
	alpn    []string
}

// protocolOf is the place to add a protocol.
func protocolOf(l configs.Listener) protocol { return protocolWith(l, smtp.Recipients(l.Recipients)) }

// protocolWith is protocolOf with another way to know the recipients.
func protocolWith(l configs.Listener, recipients func(string) bool) protocol {
	switch l.Service.Protocol() {
	case "imap":
		return protocol{func(s *gate.Session) proxy.Gate { return imap.New(s) }, []string{"imap"}}
	case "pop3":
		return protocol{func(s *gate.Session) proxy.Gate { return pop3.New(s) }, []string{"pop3"}}
	case "sieve":
		return protocol{func(s *gate.Session) proxy.Gate { return sieve.New(s) }, []string{"managesieve"}}
	}
	return protocol{newSMTP(l, recipients), []string{"smtp", "esmtp", "submission"}}
}

func newSMTP(l configs.Listener, recipients func(string) bool) func(*gate.Session) proxy.Gate {
	o := smtp.Options{
		RequireTLS: l.Service != configs.SMTP || l.RequireTLS.All, TLSDomains: l.RequireTLS.Domains,
		RejectBareNewline: l.BareNewline == "reject", Received: l.ReceivedOn(), DisableVRFY: l.VRFYDisabled(), HideClient: l.HideClient,
	}
	switch {
	case l.Service != configs.SMTP:
		o.Auth = smtp.RequireAuth
	case l.Auth:
		o.Auth = smtp.OptionalAuth
	}
	if l.KnowsRecipients() {
		o.Recipients = recipients
	}
	return func(s *gate.Session) proxy.Gate {
		o := o
		for _, network := range l.RequireTLS.Networks {
			o.RequireTLS = o.RequireTLS || network.Contains(s.Client.Addr())
		}
		for _, network := range l.HideSTARTTLS {
			o.HideSTARTTLS = o.HideSTARTTLS || network.Contains(s.Client.Addr())
		}
		return smtp.New(s, o)
	}
}

func banner(l configs.Listener) string {
	if l.Banner != "" {
		return l.Banner
	}
	return "ready"
}

func upper(names []string) []string {
	up := make([]string, len(names))
	for i, name := range names {
		up[i] = strings.ToUpper(name)
	}
	return up
}
