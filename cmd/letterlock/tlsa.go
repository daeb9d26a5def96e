package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// typeTLSA is the type of TLSA records (RFC 6698 §7.1).
const typeTLSA dnsmessage.Type = 52

func tlsaCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock tlsa", flag.ContinueOnError)
	source := sourceFlags(flags)
	address := flags.String("resolver", "", "`HOST[:PORT]` of a validating resolver: compare with the published records")
	hosts := flags.String("host", "", "`NAME,...` of this server (default the hostname and those of acme)")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	var only []string
	if err := overrideNames(&only, "--host", *hosts); err != nil {
		ui.errorf("%v", err)
		return errUsage
	}
	t := tlsaReport{ui: ui, ctx: context.Background()}
	if *address != "" {
		t.resolver = &resolver.Resolver{Address: withDNSPort(*address)}
	}
	if t.rollovers, err = rolloversOf(t.ctx, c); err != nil {
		return err
	}
	if err := t.all(c, only, func(int) bool { return true }); err != nil {
		return err
	}
	return t.finish()
}

// all prints the records of the names and ports of all listeners.
func (t *tlsaReport) all(c *configs.Config, only []string, ports func(int) bool) (err error) {
	for _, set := range c.Served() {
		if t.served, err = servedBy(c, set); err != nil {
			return err
		}
		for _, host := range t.served.names(c, set, only) {
			for _, port := range portsOf(set) {
				if !ports(port) {
					continue
				}
				if err := t.name(port, host); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// names returns the names of a set by which clients connect: those of --host;
// else the hostname, those of acme and of acme.dane; else, for a set of single listeners,
// those in its certificates.
func (s served) names(c *configs.Config, set configs.Served, only []string) []string {
	names := only
	if len(names) == 0 {
		names = slices.Concat(set.Hosts, c.DANEHosts(set.Hosts))
		if set.General {
			names = append([]string{c.Hostname}, names...)
		}
		for _, cert := range s.store.Certificates() {
			if len(set.Files) > 0 && !set.General {
				names = append(names, cert.Leaf.DNSNames...)
			}
		}
	}
	var once []string
	for _, name := range names {
		_, notAddress := netip.ParseAddr(name)
		if !slices.Contains(once, name) && !strings.HasPrefix(name, "*.") && notAddress != nil {
			once = append(once, name)
		}
	}
	return once
}

func withDNSPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), "53")
}

// portsOf returns the public ports of the listeners that serve a set. Port 25 is
// the first, because mail servers look up its record.
func portsOf(set configs.Served) []int {
	var ports []int
	for _, l := range set.Listeners {
		if port := l.SeenPort(); port != 0 && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	slices.SortStableFunc(ports, func(a, b int) int {
		switch {
		case a == b:
			return 0
		case a == configs.SMTP.Port():
			return -1
		case b == configs.SMTP.Port():
			return 1
		}
		return 0
	})
	return ports
}

// served holds the certificates that listeners serve according to their files, and
// the effect of the next renewal on each key.
type served struct {
	store   *certs.Store
	renewal map[string]string // by the certificate in DER
}

var errNothingServed = errors.New("there is no certificate yet: start letterlock serve first")

func servedBy(c *configs.Config, set configs.Served) (served, error) {
	s := served{store: certs.NewStore(nil), renewal: map[string]string{}}
	own, err := certs.Load(app.CertificateFiles(set))
	if err != nil {
		return s, err
	}
	s.note(own, "stays if the renewal keeps the key file; publish a new key's record two days before it is used")
	if len(set.Hosts) > 0 {
		stored, err := acme.Stored(app.ACMEDir(c), c.ACMECertificates(), set.Hosts)
		if err != nil {
			return s, err
		}
		s.note(stored, storedRenewal(c))
		s.store.SetManaged(stored)
	} else if len(own) == 0 {
		if own, err = certs.Load(certs.KeptFiles(c.StateDir)); err != nil {
			return s, fmt.Errorf("%w (%w)", errNothingServed, err)
		}
		s.note(own, "another key: a self-signed certificate is made anew a month before it expires")
	}
	s.store.Replace(own)
	if len(s.store.Certificates()) == 0 {
		return s, errNothingServed
	}
	return s, nil
}

func (s served) note(all []tls.Certificate, words string) {
	for _, cert := range all {
		s.renewal[string(cert.Leaf.Raw)] = words
	}
}

// tlsaReport prints the records of each name, and counts the names whose published
// records do not match.
type tlsaReport struct {
	ui       *ui
	ctx      context.Context
	served   served
	resolver *resolver.Resolver // nil: nothing is compared

	rollovers rollovers

	// add adds a missing record; nil: none is added. Stays reports whether a renewal
	// keeps the key, secure whether DNSSEC protects the zone.
	add func(name, data string, stays, secure bool) (added bool)

	names, wrong int
}

// name prints the records of a port, and compares them with the published ones.
func (t *tlsaReport) name(port int, host string) error {
	name := dane.Name(port, host)
	all := t.served.store.For(host)
	var published []dane.TLSA
	var secure bool
	if t.resolver != nil {
		var err error
		if published, secure, err = t.lookUp(name); err != nil {
			return err
		}
	}
	missing := 0
	for _, cert := range all {
		leaf := cert.Leaf
		t.ui.printf("%s IN TLSA %s\n", name, dane.Of(leaf))
		t.ui.printf(";   %s, expires %s; after renewal: %s\n", leaf.PublicKeyAlgorithm, leaf.NotAfter.UTC().Format(time.DateOnly), t.served.renewal[string(leaf.Raw)])
		if t.resolver != nil {
			words, ok := verdict(cert, published)
			t.ui.printf(";   %s\n", words)
			if !ok && (t.add == nil || !t.add(name, dane.Of(leaf).String(), t.served.renewal[string(leaf.Raw)] == keyStays, secure)) {
				missing++
			}
		}
	}
	t.next(port, host, published)
	if t.resolver != nil {
		t.sum(port, missing, len(all), secure, published)
	}
	t.ui.printf("\n")
	return nil
}

// sum prints the result for a name. Records that are missing altogether are an
// error only on port 25, where mail servers look them up.
func (t *tlsaReport) sum(port, missing, all int, secure bool, published []dane.TLSA) {
	for _, record := range published {
		if !t.rollovers.knows(record) && !slices.ContainsFunc(t.served.store.Certificates(), func(c tls.Certificate) bool { return record.Matches(chainOf(c)) }) {
			t.ui.printf("; STALE: %s is published and matches nothing that is served\n", record)
		}
	}
	switch {
	case len(published) == 0:
		t.ui.printf("; nothing is published\n")
	case missing == all:
		t.ui.printf("; NOTHING MATCHES: servers that check will not send mail here\n")
	case missing > 0:
		t.ui.printf("; INCOMPLETE: servers that are given the key without a record will not send mail here\n")
	}
	if len(published) > 0 && !secure {
		t.ui.printf("; the resolver has not validated this: without DNSSEC the records mean nothing, and a resolver that does not validate cannot know\n")
	}
	if t.names++; missing > 0 && (len(published) > 0 || port == configs.SMTP.Port()) {
		t.wrong++
	}
}

// verdict reports whether a published record matches a certificate, and whether it
// will match the next certificate for the same key.
func verdict(cert tls.Certificate, published []dane.TLSA) (words string, ok bool) {
	words = "MISSING"
	for _, record := range published {
		switch {
		case !record.Matches(chainOf(cert)):
		case record.Usage == dane.EndEntity && record.Selector == dane.PublicKey:
			return "published", true
		case record.Usage == dane.TrustAnchor:
			words, ok = fmt.Sprintf("published as %d %d %d: matches while the CA signs with that key", record.Usage, record.Selector, record.Matching), true
		default:
			words, ok = fmt.Sprintf("published as %d %d %d, UNTIL THE NEXT RENEWAL ONLY: it is of the certificate, not the key", record.Usage, record.Selector, record.Matching), true
		}
	}
	return words, ok
}

func chainOf(c tls.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{c.Leaf}
	for _, der := range c.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, cert)
		}
	}
	return chain
}

func (t *tlsaReport) lookUp(name string) (published []dane.TLSA, secure bool, err error) {
	answer, err := t.resolver.Ask(t.ctx, name, typeTLSA)
	if err != nil {
		return nil, false, err
	}
	return dnsupdate.TLSAIn(answer), answer.Secure, nil
}

// finish returns an error if a record is missing, so that monitoring can use the
// exit status.
func (t *tlsaReport) finish() error {
	if t.wrong > 0 {
		return fmt.Errorf("%s of %d without a record for every key", count(t.wrong, "name"), t.names)
	}
	return nil
}
