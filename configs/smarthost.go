package configs

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// SmarthostRules say how mail of the legacy server goes out; they hold for all
// listeners of the service smarthost.
type SmarthostRules struct {
	Clients           []Network     `yaml:"clients"` // who may send mail
	EHLOName          string        `yaml:"ehlo_name"`
	Resolvers         []string      `yaml:"resolvers"` // DNS servers, address[:port]; empty: the machine's
	TrustResolvers    bool          `yaml:"trust_resolvers"`
	Level             string        `yaml:"level"`
	MTASTS            *bool         `yaml:"mta_sts"` // nil: on
	CA                string        `yaml:"ca"`      // empty: the authorities that the system trusts
	ClientCertificate *Certificate  `yaml:"client_certificate"`
	MaxMessage        int           `yaml:"max_message"` // bytes
	Destinations      []Destination `yaml:"destinations"`
}

// Destination is what holds for mail to some domains.
type Destination struct {
	Domains      []string       `yaml:"domains"`
	NextHop      string         `yaml:"next_hop"` // domain, domain:port, [host] or [host]:port
	Level        string         `yaml:"level"`
	Policy       string         `yaml:"policy"`
	Match        []string       `yaml:"match"`
	ServerName   string         `yaml:"server_name"`
	Fingerprints []outbound.Sum `yaml:"fingerprints"`
	CA           string         `yaml:"ca"`
	Networks     []Network      `yaml:"networks"` // private ones in which the servers may be
}

// defaultMaxMessage is more than the large providers take.
const defaultMaxMessage = 100 << 20

// loopback are the clients where none are named.
var loopback = []Network{{netip.MustParsePrefix("127.0.0.0/8")}, {netip.MustParsePrefix("::1/128")}}

// HasSmarthost reports whether some listener is one.
func (c *Config) HasSmarthost() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.Service == Smarthost })
}

// completeSmarthost fills in what most installations need.
func (c *Config) completeSmarthost(folder string) {
	if c.Smarthost == nil {
		if !c.HasSmarthost() {
			return
		}
		c.Smarthost = &SmarthostRules{}
	}
	s := c.Smarthost
	if s.Clients == nil {
		s.Clients = slices.Clone(loopback)
	}
	if s.EHLOName == "" {
		s.EHLOName = c.Hostname
	}
	s.EHLOName = foldName(s.EHLOName)
	if s.Level == "" {
		s.Level = outbound.May.String()
	}
	if s.MaxMessage == 0 {
		s.MaxMessage = defaultMaxMessage
	}
	s.CA = inFolder(folder, s.CA)
	if s.ClientCertificate != nil {
		s.ClientCertificate.Cert, s.ClientCertificate.Key = inFolder(folder, s.ClientCertificate.Cert), inFolder(folder, s.ClientCertificate.Key)
	}
	for i := range s.Destinations {
		d := &s.Destinations[i]
		d.CA = inFolder(folder, d.CA)
		foldNames(d.Domains)
		foldNames(d.Match)
		d.ServerName = foldName(d.ServerName)
	}
}

// MTASTSOn reports whether the policies of domains are heeded.
func (s *SmarthostRules) MTASTSOn() bool { return s.MTASTS == nil || *s.MTASTS }

// Admits reports whether an address may send mail.
func (s *SmarthostRules) Admits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return slices.ContainsFunc(s.Clients, func(n Network) bool { return n.Contains(client) })
}

// Validates reports whether what the DNS servers say of DNSSEC is worth
// something: they are on this machine, or trusted by the administrator's word.
func (s *SmarthostRules) Validates(resolvers []string) bool {
	away := func(r string) bool {
		address, err := parseResolver(r)
		return err != nil || !address.Addr().IsLoopback()
	}
	return len(resolvers) > 0 && (s.TrustResolvers || !slices.ContainsFunc(resolvers, away))
}

// LevelOf is the level of a name that was checked.
func LevelOf(name string) outbound.Level {
	var l outbound.Level
	_ = l.UnmarshalText([]byte(name))
	return l
}

// PolicyOfDestination resolves the TLS policy of a destination; nil is that of
// its level.
func (c *Config) PolicyOfDestination(d Destination) (*tlspolicy.Policy, error) {
	if d.Policy == "" {
		return nil, nil
	}
	p, err := c.NamedPolicy(d.Policy)
	return &p, err
}

// ParseNextHop reads example.net, example.net:587, [mail.example.net] or
// [192.0.2.1]:587, as Postfix's relayhost has it: in brackets stands a host,
// else a domain, which is asked for its MX records.
func ParseNextHop(text string) (name string, port int, direct bool, err error) {
	const smtpPort = 25
	name = text
	if inner, bracket := strings.CutPrefix(text, "["); bracket {
		var rest string
		var closed bool
		if name, rest, closed = strings.Cut(inner, "]"); !closed {
			return "", 0, false, errNextHop
		}
		direct = true
		if text = strings.TrimPrefix(rest, ":"); rest == "" {
			text = strconv.Itoa(smtpPort)
		} else if text == rest {
			return "", 0, false, errNextHop
		}
	} else if domain, digits, found := strings.Cut(text, ":"); found {
		name, text = domain, digits
	} else {
		text = strconv.Itoa(smtpPort)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", 0, false, errPortZero
	}
	name = foldName(name)
	if ip, err := netip.ParseAddr(name); err == nil && direct && ip.Zone() == "" {
		return ip.Unmap().String(), int(number), true, nil
	}
	if !legalServerName(name) {
		return "", 0, false, errNextHop
	}
	return name, int(number), direct, nil
}

// parseResolver reads the address of a DNS server, with or without a port.
func parseResolver(text string) (netip.AddrPort, error) {
	if bracketsLost(text) {
		return netip.AddrPort{}, errAmbiguous
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, nil
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return netip.AddrPortFrom(ip, 53), err
}

// CompleteResolver adds the port of DNS where there is none.
func CompleteResolver(text string) string {
	address, err := parseResolver(text)
	if err != nil {
		return text
	}
	return net.JoinHostPort(address.Addr().String(), strconv.Itoa(int(address.Port())))
}
