package scan

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

// Domain is the result of asking DNS where a domain's mail goes.
type Domain struct {
	Name     string    `json:"domain"`
	Servers  []Server  `json:"servers"`
	Findings []Finding `json:"findings"`
}

// Server is one of a domain's mail servers.
type Server struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
	Claims    []string     `json:"claims"` // the names of its addresses (PTR)
}

// domain is the state of one domain's check.
type domain struct {
	Domain
	ctx context.Context
	dns resolver.Resolver
}

func (d *domain) find(s Severity, format string, args ...any) {
	d.Findings = append(d.Findings, Finding{s, fmt.Sprintf(format, args...)})
}

// maxServers bounds the servers of a domain that are checked.
const maxServers = 20

// LookDomain resolves a domain's MX records to addresses, and these addresses
// to names.
func LookDomain(ctx context.Context, dns resolver.Resolver, name string) Domain {
	d := &domain{Domain{Name: name, Servers: []Server{}, Findings: []Finding{}}, ctx, dns}
	records, ok := d.ask(name, dnsmessage.TypeMX)
	switch {
	case !ok:
		return d.Domain
	case len(records) == 0:
		d.find(Weak, "%s has no MX record: mail goes to its own address, if it has one", name)
		d.server(name)
		return d.Domain
	case len(records) > maxServers:
		d.find(Weak, "%s has %d MX records, of which %d are examined", name, len(records), maxServers)
		records = records[:maxServers]
	}
	for _, record := range records {
		mx, ok := record.Body.(*dnsmessage.MXResource)
		switch {
		case !ok:
		case mx.MX.String() == ".":
			d.find(Note, "%s accepts no mail (a null MX, RFC 7505)", name)
		default:
			d.server(strings.TrimSuffix(mx.MX.String(), "."))
		}
	}
	return d.Domain
}

// ask asks DNS. It reports a failure once.
func (d *domain) ask(name string, kind dnsmessage.Type) ([]dnsmessage.Resource, bool) {
	answer, err := d.dns.Ask(d.ctx, name, kind)
	if err != nil {
		d.find(Bad, "DNS does not answer: %v", err)
	}
	return answer.Records, err == nil
}

// server checks the name of a mail server: it must not be an alias, and its
// addresses must have names that lead back to them.
func (d *domain) server(name string) {
	s := Server{Name: name, Addresses: []netip.Addr{}, Claims: []string{}}
	if aliases, ok := d.ask(name, dnsmessage.TypeCNAME); !ok {
		return
	} else if len(aliases) > 0 {
		d.find(Bad, "%s is an alias (CNAME), which no MX record may name (RFC 5321 §5.1)", name)
	}
	addresses, ok := d.addresses(name)
	if !ok {
		return
	}
	s.Addresses = append(s.Addresses, addresses...)
	if len(addresses) == 0 {
		d.find(Bad, "%s has no address", name)
	}
	for _, a := range addresses {
		s.Claims = append(s.Claims, d.back(a)...)
	}
	d.Servers = append(d.Servers, s)
}

func (d *domain) addresses(name string) (all []netip.Addr, ok bool) {
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		records, ok := d.ask(name, kind)
		if !ok {
			return nil, false
		}
		for _, record := range records {
			all = append(all, resolver.Address(record))
		}
	}
	return all, true
}

// back looks for a name of the address that leads back to it, as receivers do
// for an address that sends mail. It returns the address's names.
func (d *domain) back(a netip.Addr) (claimed []string) {
	records, ok := d.ask(reverse(a), dnsmessage.TypePTR)
	if !ok {
		return nil
	}
	if len(records) == 0 {
		d.find(Weak, "%s has no name (PTR record); many servers accept no mail from such an address", a)
		return nil
	}
	for _, record := range records {
		ptr, isName := record.Body.(*dnsmessage.PTRResource)
		if !isName {
			continue
		}
		name := strings.TrimSuffix(ptr.PTR.String(), ".")
		claimed = append(claimed, name)
		forward, ok := d.addresses(name)
		if !ok || slices.Contains(forward, a) {
			return claimed
		}
	}
	d.find(Weak, "%s says that it is %s, whose address is another", a, strings.Join(claimed, " and "))
	return claimed
}

// Compare compares the names of addresses with the certificates that were seen
// on the same hosts: other servers may require of senders that they match.
func (d *Domain) Compare(reports []Report) {
	for _, s := range d.Servers {
		for _, r := range reports {
			if r.Service != "smtp" || r.Host != s.Name || len(r.Names) == 0 {
				continue
			}
			certificate := x509.Certificate{DNSNames: r.Names}
			for _, claim := range s.Claims {
				if certificate.VerifyHostname(claim) != nil {
					d.Findings = append(d.Findings, Finding{Note, fmt.Sprintf("%s says by its address that it is %s, for which its certificate is not", s.Name, claim)})
				}
			}
		}
	}
}

// reverse returns the name at which an address has PTR records (RFC 1035 §3.5,
// RFC 3596 §2.5).
func reverse(a netip.Addr) string {
	var b strings.Builder
	if a = a.Unmap(); a.Is4() {
		octets := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", octets[3], octets[2], octets[1], octets[0])
	}
	octets := a.As16()
	for i := len(octets) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%x.%x.", octets[i]&15, octets[i]>>4)
	}
	return b.String() + "ip6.arpa"
}

// ErrNoDomain is the error for a text that is not a domain name.
var ErrNoDomain = errors.New("it is not a domain")

// CheckDomain refuses a text that is not a domain name.
func CheckDomain(name string) error {
	if !strings.Contains(name, ".") || strings.ContainsAny(name, " /:@") {
		return fmt.Errorf("%q: %w", name, ErrNoDomain)
	}
	return nil
}
