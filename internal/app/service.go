package app

import (
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/smtp"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// Service holds the settings of a listener, resolved once: defaults are filled in,
// and names are replaced by the values that they stand for. The rest of the package
// and the commands read these instead of a configs.Listener.
type Service struct {
	Name      string // such as imaps
	Address   string // the address that it listens on
	Protocol  string // smtp, imap, pop3 or sieve
	Implicit  bool   // implicit TLS
	Smarthost bool   // it sends outgoing mail

	port       int // the service's own port
	pause      time.Duration
	banner     string
	speaks     protocol
	mail       mailSettings
	recipients recipientSettings

	backend         string                              // an address or the name of a backend
	reach           func(target string) configs.Backend // resolves backend and the targets of routes
	checkTarget     func(target string) error           // of routes
	routes          string                              // file; empty: none
	lookup          *lookupSettings                     // nil: none
	handover        upstream.Handover
	proxyFrom       []netip.Prefix
	reverseDNS      bool
	masterSeparator string
	loginMethod     gate.LoginMethod
	login           bool // clients can log in: at the backend, or as devices
	hidden, unnamed []string

	tls tlsSettings
}

// mailSettings are settings of SMTP only.
type mailSettings struct {
	options      smtp.Options
	requireTLS   []netip.Prefix // networks that must use TLS
	hideSTARTTLS []netip.Prefix
	submission   bool
	openRelay    bool // the configuration permits an open relay
}

// recipientSettings hold the recipients that the proxy itself accepts.
type recipientSettings struct {
	known  bool // false: the backend decides
	listed []string
	file   string // the path; empty: none
}

// tlsSettings are the settings of TLS with clients.
type tlsSettings struct {
	offered    bool
	policy     tlspolicy.Policy
	scope      tickets.Scope // without an exception
	served     string        // the key of the certificates in stores
	tickets    bool
	clients    clientSettings
	exceptions []Exception
}

// clientSettings are the settings for client certificates.
type clientSettings struct {
	ask, require bool
	anyUsage     bool   // certificates for servers are accepted too
	ca           string // file; empty: the CAs that the system trusts
}

// Exception is a policy exception of a listener.
type Exception struct {
	configs.Exception
	Policy tlspolicy.Policy
}

// Resolve resolves all listeners of a configuration, in their order.
func Resolve(c *configs.Config) ([]Service, error) {
	all := make([]Service, len(c.Listeners))
	for i, l := range c.Listeners {
		s, err := resolveListener(c, l)
		if err != nil {
			return nil, listenerError(s, err)
		}
		all[i] = s
	}
	return all, nil
}

func resolveListener(c *configs.Config, l configs.Listener) (Service, error) {
	s := Service{
		Name: string(l.Service), Address: l.Listen, Protocol: l.Service.Protocol(), Implicit: l.Service.Implicit(),
		Smarthost: l.Service.Outbound(), port: l.Service.Port(), pause: l.GreetPause(), banner: l.Banner,
		speaks: protocolOf(l.Service), mail: mailOf(c, l),
		recipients: recipientSettings{l.KnowsRecipients(), l.Recipients, l.RecipientsFile},
		backend:    l.Backend, handover: handovers[l.Handover], routes: l.Routes,
		reach:       func(target string) configs.Backend { return c.Reach(target, l.Service) },
		checkTarget: func(target string) error { return c.CheckTarget(target, l.Service) },
		proxyFrom:   prefixes(l.ProxyFrom), reverseDNS: l.ReverseDNSOn(),
		masterSeparator: l.MasterSeparator, loginMethod: gate.LoginMethod(l.LoginMethod()), login: l.Service != configs.SMTP || l.Auth,
		hidden: upper(l.HideMechanisms), unnamed: upper(l.UnnamedMechanisms),
	}
	if s.banner == "" {
		s.banner = "ready"
	}
	if !l.OffersTLS() {
		return s, nil
	}
	var err error
	s.lookup = lookupOf(c, l)
	s.tls, err = tlsSettingsOf(c, l)
	return s, err
}

func mailOf(c *configs.Config, l configs.Listener) mailSettings {
	public := l.Service == configs.SMTP
	m := mailSettings{
		options: smtp.Options{
			RequireTLS: !public || l.RequireTLS.All, TLSDomains: l.RequireTLS.Domains, ProvenBackend: provenBackend(c, l),
			RejectBareNewline: l.BareNewline == "reject", Received: l.ReceivedOn(), DisableVRFY: l.VRFYDisabled(), HideClient: l.HideClient,
		},
		requireTLS: prefixes(l.RequireTLS.Networks), hideSTARTTLS: prefixes(l.HideSTARTTLS),
		submission: l.Service == configs.Submission || l.Service == configs.Submissions, openRelay: l.AllowOpenRelay,
	}
	switch {
	case !public:
		m.options.Auth = smtp.RequireAuth
	case l.Auth:
		m.options.Auth = smtp.OptionalAuth
	}
	return m
}

// provenBackend reports whether all sessions of a listener use a backend that TLS
// authenticates. Users of routes may have other backends.
func provenBackend(c *configs.Config, l configs.Listener) bool {
	b := c.Reach(l.Backend, l.Service)
	return l.Routes == "" && b.Encrypted() && b.Verified()
}

func tlsSettingsOf(c *configs.Config, l configs.Listener) (tlsSettings, error) {
	policy, err := c.PolicyOf(l)
	if err != nil {
		return tlsSettings{}, err
	}
	served := c.ServedBy(l)
	t := tlsSettings{
		offered: true, policy: policy, served: served.Key(), tickets: l.TicketsOn(),
		// All settings that two listeners must share so that sessions of one
		// can be resumed at the other.
		scope: tickets.Scope{
			Service: string(l.Service), ALPN: alpnOf(l.Service), Policy: policy, StrictSNI: l.SNI == "strict",
			Certificates: sourcesOf(c, served), Clients: []string{l.ClientCertificates, l.ClientCA},
		},
		clients: clientSettings{ask: l.AsksClients(), require: l.ClientCertificates == "require", anyUsage: l.Service == configs.SMTP, ca: l.ClientCA},
	}
	for _, exception := range l.Exceptions {
		policy, err := c.NamedPolicy(exception.Policy)
		if err != nil {
			return tlsSettings{}, err
		}
		t.exceptions = append(t.exceptions, Exception{exception, policy})
	}
	return t, nil
}

func (s Service) String() string { return s.Name + " on " + s.Address }

// decidesAlone reports whether the backend alone decides which recipients are
// accepted: if it relays for unauthenticated clients, serving it would make an
// open relay.
func (s Service) decidesAlone() bool {
	return s.Name == string(configs.SMTP) && !s.recipients.known && !s.mail.openRelay
}

// AllowsPlaintext reports whether clients may send mail without TLS.
func (s Service) AllowsPlaintext() bool {
	return !s.Implicit && (s.Smarthost || !s.mail.options.RequireTLS)
}

// Certificates returns the key of the certificates that the listener serves: that of
// a configs.Served.
func (s Service) Certificates() string { return s.tls.served }

// ExceptionFor returns the first policy exception that applies to a client at a
// time.
func (s Service) ExceptionFor(client netip.Addr, now time.Time) (e Exception, applies bool) {
	for _, exception := range s.tls.exceptions {
		if now.Before(exception.Until.NextDay()) && contains(exception.Prefixes(), client) {
			return exception, true
		}
	}
	return Exception{}, false
}
