package dnsupdate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

var (
	errNoZone  = errors.New("no zone found: the resolver has no SOA record for the name or a parent of it")
	errNoNS    = errors.New("the zone has no name servers with an address")
	errAliases = fmt.Errorf("the name leads through more than %d aliases", maxAliases)
	errAbsent  = errors.New("the server does not have it")
)

const maxAliases = 8

// locate follows the aliases of a name, and returns the last name and its zone, both
// with a final dot.
func (c *Client) locate(ctx context.Context, name string) (target, zone string, err error) {
	target = absolute(name)
	for range maxAliases {
		alias, err := c.alias(ctx, target)
		if err != nil {
			return "", "", err
		}
		if alias == "" {
			zone, err = c.zone(ctx, target)
			return target, zone, err
		}
		target = alias
	}
	return "", "", fmt.Errorf("%s: %w", name, errAliases)
}

// alias returns the target of a CNAME record at the name; empty if there is none.
func (c *Client) alias(ctx context.Context, name string) (string, error) {
	answer, err := c.Resolver.Ask(ctx, name, dnsmessage.TypeCNAME)
	if err != nil {
		return "", err
	}
	for _, record := range answer.Records {
		if body, ok := record.Body.(*dnsmessage.CNAMEResource); ok && same(record.Header.Name.String(), name) {
			return absolute(body.CNAME.String()), nil
		}
	}
	return "", nil
}

// zone returns the zone of a name: the nearest parent with a SOA record, or the name
// itself.
func (c *Client) zone(ctx context.Context, name string) (string, error) {
	for at := name; at != "" && at != "."; {
		answer, err := c.Resolver.Ask(ctx, at, dnsmessage.TypeSOA)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(answer.Records, func(r dnsmessage.Resource) bool { return same(r.Header.Name.String(), at) }) {
			return at, nil
		}
		_, at, _ = strings.Cut(at, ".")
	}
	return "", fmt.Errorf("%s: %w", name, errNoZone)
}

// server is an authoritative server of a zone.
type server struct {
	name      string
	addresses []string
}

// servers lists the authoritative servers of a zone.
func (c *Client) servers(ctx context.Context, zone string) ([]server, error) {
	answer, err := c.Resolver.Ask(ctx, zone, dnsmessage.TypeNS)
	if err != nil {
		return nil, err
	}
	var all []server
	for _, record := range answer.Records {
		body, ok := record.Body.(*dnsmessage.NSResource)
		if !ok {
			continue
		}
		s := server{name: body.NS.String()}
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			found, err := c.Resolver.Ask(ctx, s.name, kind)
			if err != nil {
				return nil, err
			}
			for _, r := range found.Records {
				s.addresses = append(s.addresses, resolver.Address(r).String())
			}
		}
		if len(s.addresses) > 0 {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", zone, errNoNS)
	}
	return all, nil
}

// serverAnswer is the answer at one address of an authoritative server, or the error.
type serverAnswer struct {
	server, address string
	resolver.Answer
	err error
}

// askAll asks each address of each authoritative server of a zone, without a cache.
// Addresses that this machine has no route to are left out, unless the server has no
// other.
func (c *Client) askAll(ctx context.Context, zone, name string, kind dnsmessage.Type) ([]serverAnswer, error) {
	servers, err := c.servers(ctx, zone)
	if err != nil {
		return nil, err
	}
	var all []serverAnswer
	for _, s := range servers {
		var reached, unreachable []serverAnswer
		for _, address := range s.addresses {
			a := serverAnswer{server: s.name, address: address}
			a.Answer, a.err = c.at(address).Ask(ctx, name, kind)
			if errors.Is(a.err, syscall.ENETUNREACH) || errors.Is(a.err, syscall.EHOSTUNREACH) {
				unreachable = append(unreachable, a)
			} else {
				reached = append(reached, a)
			}
		}
		if len(reached) == 0 {
			reached = unreachable
		}
		all = append(all, reached...)
	}
	return all, nil
}

// at returns the server with an address.
func (c *Client) at(address string) resolver.Resolver {
	port := c.Port
	if port == "" {
		port = "53"
	}
	return resolver.Resolver{Address: net.JoinHostPort(address, port), Timeout: c.Resolver.Timeout}
}

// Texts returns the TXT records that the resolver has for a name.
func (c *Client) Texts(ctx context.Context, name string) ([]string, error) {
	answer, err := c.Resolver.Ask(ctx, name, dnsmessage.TypeTXT)
	return textsIn(answer), err
}

func textsIn(answer resolver.Answer) []string {
	var all []string
	for _, record := range answer.Records {
		if body, ok := record.Body.(*dnsmessage.TXTResource); ok {
			all = append(all, strings.Join(body.TXT, ""))
		}
	}
	return all
}

func absolute(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

func same(a, b string) bool { return absolute(a) == absolute(b) }
