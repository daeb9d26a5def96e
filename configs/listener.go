package configs

import (
	"slices"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// PolicyName returns the name of the TLS policy in force.
func (l Listener) PolicyName() string {
	if l.Policy == "" {
		return l.Service.DefaultPolicy()
	}
	return l.Policy
}

// OffersTLS reports whether clients can use TLS: on every service, but on
// smarthost only with a policy.
func (l Listener) OffersTLS() bool { return l.Service != Smarthost || l.Policy != "" }

// ReceivedOn reports whether a Received header is added (RFC 5321 §4.4): on
// every SMTP service, unless switched off.
func (l Listener) ReceivedOn() bool {
	return (l.Service.Protocol() == "smtp" || l.Service.Outbound()) && (l.Received == nil || *l.Received)
}

// GreetPause returns the pause before the greeting, in which no client should
// send anything; zero means no pause.
func (l Listener) GreetPause() time.Duration {
	switch {
	case l.Service != SMTP:
		return 0
	case l.GreetDelay == nil:
		return defaultDuration("listeners[].greet_delay")
	}
	return *l.GreetDelay
}

// VRFYDisabled reports whether the proxy refuses VRFY and EXPN, so that no
// client can guess names (RFC 5321 §7.3).
func (l Listener) VRFYDisabled() bool {
	return l.Service.Protocol() == "smtp" && (l.DisableVRFY == nil || *l.DisableVRFY)
}

// AsksClients reports whether clients are asked for certificates.
func (l Listener) AsksClients() bool {
	return l.ClientCertificates == "request" || l.ClientCertificates == "require"
}

// TicketsOn reports whether sessions can be resumed. The default is true,
// except on smtp, where Microsoft's senders fail with tickets
// (golang/go#70232), and where clients present certificates.
func (l Listener) TicketsOn() bool {
	if l.SessionTickets != nil {
		return *l.SessionTickets
	}
	return l.Service != SMTP && !l.AsksClients()
}

// ConnectsAsClient reports whether a listener connects to its backend from the
// client's address, which needs CAP_NET_ADMIN.
func (c *Config) ConnectsAsClient() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.Handover == "tproxy" })
}

// PolicyOf returns the TLS policy of a listener, as NamedPolicy does.
func (c *Config) PolicyOf(l Listener) (tlspolicy.Policy, error) {
	return c.NamedPolicy(l.PolicyName())
}

// NamedPolicy returns the TLS policy of a name: one of Policies, or a built-in
// one. It fails if there is none of that name, or if its base is not built in.
func (c *Config) NamedPolicy(name string) (tlspolicy.Policy, error) {
	for _, own := range c.Policies {
		if own.Name == name {
			return own.resolve()
		}
	}
	return tlspolicy.Named(name)
}

// PolicyNames lists the policies that NamedPolicy knows: the built-in ones, the
// strictest first, then the administrator's own.
func (c *Config) PolicyNames() []string {
	names := tlspolicy.Names()
	for _, own := range c.Policies {
		names = append(names, own.Name)
	}
	return names
}

// resolve replaces the rules of its base that p sets. A list that is set but
// empty allows nothing; an absent list is the base's.
func (p Policy) resolve() (tlspolicy.Policy, error) {
	policy, err := tlspolicy.Named(p.Base)
	if err != nil {
		return tlspolicy.Policy{}, err
	}
	policy.Name = p.Name
	policy.About = "based on " + p.Base
	if p.MinVersion != 0 {
		policy.Min = p.MinVersion
	}
	if p.MaxVersion != 0 {
		policy.Max = p.MaxVersion
	}
	if p.Suites != nil {
		policy.Suites = p.Suites
	}
	if p.Groups != nil {
		policy.Groups = p.Groups
	}
	return policy, nil
}

// KnowsRecipients reports whether the proxy itself decides which recipients are
// accepted.
func (l Listener) KnowsRecipients() bool { return len(l.Recipients) > 0 || l.RecipientsFile != "" }

// ReverseDNSOn reports whether the names of clients are looked up. The default
// is true on smtp, where servers judge mail by the client's name, and false on
// all other services.
func (l Listener) ReverseDNSOn() bool {
	if l.ReverseDNS == nil {
		return l.Service == SMTP
	}
	return *l.ReverseDNS
}

// ProbeOn reports whether backends are probed at the start and with each
// reload.
func (c *Config) ProbeOn() bool { return c.Probe == nil || *c.Probe }

// SeenPort returns the port that clients connect to; 0 if the kernel chooses
// it.
func (l Listener) SeenPort() int {
	if l.PublicPort != 0 {
		return l.PublicPort
	}
	address, err := parseListen(l.Listen)
	if err != nil {
		return 0
	}
	return address.port
}
