package app

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/imap"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/pop3"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/sieve"
	"github.com/letterlock/letterlock/smtp"
)

// protocol describes an inbound protocol.
type protocol struct {
	// alpn are the ALPN names of the protocol (RFC 7301). imap, pop3 and
	// managesieve are registered; those of SMTP are in use.
	alpn []string

	gate  func(s Service, recipients func(string) bool) func(*gate.Session) proxy.Gate
	check func(back *wire.Stream, hostname string) error // checks a backend's health
}

// protocols are the inbound protocols, by configs.Service.Protocol. A new
// protocol needs an entry here.
var protocols = map[string]protocol{
	"smtp":  {[]string{"smtp", "esmtp", "submission"}, newSMTP, smtp.Probe},
	"imap":  {[]string{"imap"}, plainGate(func(s *gate.Session) proxy.Gate { return imap.New(s) }), anonymous(imap.Probe)},
	"pop3":  {[]string{"pop3"}, plainGate(func(s *gate.Session) proxy.Gate { return pop3.New(s) }), anonymous(pop3.Probe)},
	"sieve": {[]string{"managesieve"}, plainGate(func(s *gate.Session) proxy.Gate { return sieve.New(s) }), anonymous(sieve.Probe)},
}

// alpnOf returns the ALPN names of a service. A smarthost speaks SMTP too.
func alpnOf(s configs.Service) []string {
	if s.Outbound() {
		return protocols["smtp"].alpn
	}
	return protocolOf(s).alpn
}

func protocolOf(s configs.Service) protocol { return protocols[s.Protocol()] }

// plainGate returns a constructor of gates without options.
func plainGate(open func(*gate.Session) proxy.Gate) func(Service, func(string) bool) func(*gate.Session) proxy.Gate {
	return func(Service, func(string) bool) func(*gate.Session) proxy.Gate { return open }
}

// anonymous adapts a check that does not use the hostname.
func anonymous(check func(*wire.Stream) error) func(*wire.Stream, string) error {
	return func(back *wire.Stream, _ string) error { return check(back) }
}

func newSMTP(s Service, recipients func(string) bool) func(*gate.Session) proxy.Gate {
	options := s.mail.options
	if s.recipients.known {
		options.Recipients = recipients
	}
	return func(session *gate.Session) proxy.Gate {
		o, client := options, session.Client.Addr()
		o.RequireTLS = o.RequireTLS || contains(s.mail.requireTLS, client)
		o.HideSTARTTLS = contains(s.mail.hideSTARTTLS, client)
		return smtp.New(session, o)
	}
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

func upper(names []string) []string {
	up := make([]string, len(names))
	for i, name := range names {
		up[i] = strings.ToUpper(name)
	}
	return up
}
