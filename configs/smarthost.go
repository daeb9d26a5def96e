package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// SmarthostRules apply to outbound mail of the legacy server, on all listeners
// of the service smarthost.
type SmarthostRules struct {
	// The clients that may send any mail without a login: only addresses of
	// loopback and private networks. Default: this machine.
	Clients []Network `yaml:"clients" min:"1" example:"[127.0.0.0/8, '::1', 10.0.0.5]"`

	// Devices and programs that may send mail with some senders only, such as
	// scanners. A device is recognised by its address or by its login. Default:
	// none.
	Devices []Device `yaml:"devices"`

	// A file with the passwords of devices that log in: lines of the device's
	// name, a colon, and a hash; letterlock password makes such a line. The file is
	// read again when it changes. Required for a device with a login.
	DevicePasswords string `yaml:"device_passwords" example:"/etc/letterlock/device-passwords"`

	// The proxy's name in EHLO; it should be the one in the PTR record of its
	// address. Default: the hostname.
	EHLOName string `yaml:"ehlo_name" example:"mail.example.com"`

	// DNS servers, with a port if it is not 53. If all are on loopback, their
	// AD bit, which says that DNSSEC has validated an answer, is trusted;
	// without that there is no DANE. Default: those of /etc/resolv.conf.
	Resolvers []string `yaml:"resolvers" example:"[127.0.0.1]"`

	// Trust their AD bit at any address: only if the connection to them is
	// secure.
	TrustResolvers bool `yaml:"trust_resolvers" default:"false"`

	// The TLS that a delivery needs, by the names that Postfix gives it:
	//   none         none, not even where it is offered
	//   may          where it is offered, with any certificate; else plaintext
	//   encrypt      with any certificate, or no delivery
	//   dane         by TLSA records, where DNSSEC secures them; else may
	//   dane-only    by TLSA records, or no delivery
	//   fingerprint  with a known certificate (for destinations)
	//   verify       with a certificate for the server's name
	//   secure       with a certificate for the recipient's domain
	// It holds for domains that publish nothing: secured TLSA records, and then a
	// domain's MTA-STS policy, take precedence.
	Level string `yaml:"level" default:"may" words:"{levels}"`

	// Follow MTA-STS policies (RFC 8461). They are stored in state_dir.
	MTASTS *bool `yaml:"mta_sts" default:"true"`

	// Honour the header TLS-Required: No of messages (RFC 8689): where a domain's
	// servers cannot meet its TLSA records or MTA-STS policy, a message with it is
	// sent as if there were none, in plaintext if need be. Levels given here and in
	// destinations stay in force. The reply to RCPT then comes at the end of the
	// message.
	TLSRequiredNo bool `yaml:"tls_required_no" default:"false"`

	// The CAs to trust for servers, and for the web servers of MTA-STS policies,
	// a PEM file. Default: the CAs that the system trusts.
	CA string `yaml:"ca" example:"/etc/letterlock/outbound-ca.pem"`

	// A certificate for servers that ask for one. Default: none.
	ClientCertificate *Certificate `yaml:"client_certificate"`

	// The time for which a connection with TLS to a server is kept for the next
	// message, which must have the same terms, login and certificate; 0s: none is
	// kept. At most 10 to an address, 100 messages and 5 minutes each.
	KeepConnections time.Duration `yaml:"keep_connections" default:"10s" min:"0s" max:"2m"`

	// Bytes of a message; the default is more than the large providers accept.
	MaxMessage int `yaml:"max_message" default:"104857600" min:"65536" max:"2147483648"`

	// Daily reports about TLS to the recipients' domains that ask for them (RFC
	// 8460): another program sends them, which needs socket, or the proxy itself,
	// which needs from and dkim. Default: no reports.
	TLSRPT *TLSRPT `yaml:"tlsrpt"`

	// A file with a secret of at least 32 bytes, which encrypts the refresh tokens
	// in state_dir. Create one with: openssl rand -base64 48. Required with the
	// grant refresh_token.
	TokenKeyFile string `yaml:"token_key_file" example:"/etc/letterlock/token-key"`

	// Rules for some domains. The entry with the recipient's domain applies, or
	// else the entry with the nearest domain above it. Default: none.
	Destinations []Destination `yaml:"destinations"`
}

// Destination holds the rules for mail to some domains.
type Destination struct {
	// The recipients' domains: example.com, .example.com for all its
	// subdomains, "*" for all others.
	Domains []string `yaml:"domains" required:"true" min:"1" example:"[partner.example, .partner.example] | [old.example] | ['*'] | ['*']"`

	// The senders whose mail this is for: user@example.com, example.com,
	// .example.com for all its subdomains. For a domain, an entry with the sender
	// is preferred to one for all. Default: all senders.
	Senders []string `yaml:"senders" min:"1" example:"| | | [example.net]"`

	// The sender that a message gets in place of its own, in MAIL, because the
	// relay accepts no other. Bounces go to it. The null sender is kept. Default:
	// the sender is kept.
	RewriteSender string `yaml:"rewrite_sender" example:"| | | scanner@example.net"`

	// Also replace the address in the header From by rewrite_sender, because the
	// relay compares it. The name is kept. Sender is removed. A header
	// without Reply-To gets one with the old address.
	RewriteFrom bool `yaml:"rewrite_from" default:"false" example:"| | | true"`

	// The destination instead of the domain's own servers: a domain, for its MX
	// records, or [a host]; with :port if it is not 25. Port 465 begins with
	// TLS. Default: the domain's own servers.
	NextHop string `yaml:"next_hop" example:"'[mx.partner.example]:25' | | '[smtp.office365.com]:587' | '[smtp-relay.gmail.com]:587'"`

	// The next hops to try in order if no server of next_hop can be used, in the
	// same form, with the same login. Default: none.
	Fallback []string `yaml:"fallback" min:"1" example:"['[mx2.partner.example]:25']"`

	// As above; for these domains it takes precedence over their DNS records
	// and policies. Default: the level above, with what takes precedence over
	// it.
	Level string `yaml:"level" words:"{levels}" example:"secure | fingerprint"`

	// A built-in TLS policy or one of policies. Default: opportunistic for none
	// and may, compat for encrypt, strict for all others.
	Policy string `yaml:"policy" suggest:"{policies}" example:"strict"`

	// verify, secure: the names that the certificate may be for: hostname (the
	// server's), nexthop (the domain), dot-nexthop (its subdomains), a name, or
	// .name for its subdomains. Default: hostname for verify; nexthop and
	// dot-nexthop for secure.
	Match []string `yaml:"match" example:"[nexthop, dot-nexthop]"`

	// The server name to send (SNI). Default: the server's name.
	ServerName string `yaml:"server_name" example:"mx.partner.example"`

	// fingerprint: the SHA-256 of the certificate or of its public key, in
	// hexadecimal, with or without colons. Required for this level.
	Fingerprints []outbound.Sum `yaml:"fingerprints" example:" | [000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f]"`

	// The CAs to trust for these mail servers, a PEM file. Default: as above.
	CA string `yaml:"ca" example:"/etc/letterlock/partner-ca.pem"`

	// Log in at the next hop, a provider's relay. Requires next_hop, and a level
	// that verifies the server; that is secure unless another is given. Default:
	// no login.
	Login *RelayLogin `yaml:"login" example:"{} | | {} | {}"`

	// Private networks in which the servers may be. DNS records that lead to
	// private networks, to this machine or to backends are not followed, unless
	// next_hop is the host, or a network here contains its address; the
	// addresses of this machine and of backends must be listed here one by one.
	// Default: none.
	Networks []Network `yaml:"networks" example:"[10.1.0.0/16]"`
}

// loopback are the clients if none are configured.
var loopback = []Network{{netip.MustParsePrefix("127.0.0.0/8")}, {netip.MustParsePrefix("::1/128")}}

// HasSmarthost reports whether there is a smarthost listener.
func (c *Config) HasSmarthost() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.Service.Outbound() })
}

// completeSmarthost sets the values that most installations need.
func (c *Config) completeSmarthost(folder string) {
	if c.Smarthost == nil {
		if !c.HasSmarthost() {
			return
		}
		c.Smarthost = &SmarthostRules{}
		setDefaults(reflect.ValueOf(c.Smarthost).Elem())
	}
	s := c.Smarthost
	if s.Clients == nil {
		s.Clients = slices.Clone(loopback)
	}
	if s.EHLOName == "" {
		s.EHLOName = c.Hostname
	}
	s.EHLOName = foldName(s.EHLOName)
	s.CA = inFolder(folder, s.CA)
	s.TokenKeyFile = inFolder(folder, s.TokenKeyFile)
	s.DevicePasswords = inFolder(folder, s.DevicePasswords)
	s.TLSRPT.complete(folder)
	for i := range s.Devices {
		s.Devices[i].complete()
	}
	if s.ClientCertificate != nil {
		s.ClientCertificate.Cert, s.ClientCertificate.Key = inFolder(folder, s.ClientCertificate.Cert), inFolder(folder, s.ClientCertificate.Key)
	}
	for i := range s.Destinations {
		d := &s.Destinations[i]
		d.CA = inFolder(folder, d.CA)
		foldNames(d.Domains)
		for j, sender := range d.Senders {
			d.Senders[j] = foldEntry(sender)
		}
		d.RewriteSender = foldEntry(d.RewriteSender)
		foldNames(d.Match)
		d.ServerName = foldName(d.ServerName)
		d.completeLogin(folder)
	}
}

// MTASTSOn reports whether the policies of domains are followed.
func (s *SmarthostRules) MTASTSOn() bool { return s.MTASTS == nil || *s.MTASTS }

// Admits reports whether an address may send mail.
func (s *SmarthostRules) Admits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return slices.ContainsFunc(s.Clients, func(n Network) bool { return n.Contains(client) })
}

// Validates reports whether the AD bit of the DNS servers can be trusted: they
// are on this machine, or the administrator trusts them.
func (s *SmarthostRules) Validates(resolvers []string) bool {
	away := func(r string) bool {
		address, err := parseResolver(r)
		return err != nil || !address.Addr().IsLoopback()
	}
	return len(resolvers) > 0 && (s.TrustResolvers || !slices.ContainsFunc(resolvers, away))
}

// LevelOf returns the level of a name that was checked.
func LevelOf(name string) outbound.Level {
	var l outbound.Level
	_ = l.UnmarshalText([]byte(name))
	return l
}

// PolicyOfDestination returns the TLS policy of a destination; nil if it is the
// one of its level.
func (c *Config) PolicyOfDestination(d Destination) (*tlspolicy.Policy, error) {
	if d.Policy == "" {
		return nil, nil
	}
	p, err := c.NamedPolicy(d.Policy)
	return &p, err
}
