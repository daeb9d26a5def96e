package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/records"
	"github.com/letterlock/letterlock/internal/resolver"
)

// dnsCommand prints the records that a domain needs, with a resolver whether they are
// published, and with --set it publishes them.
func dnsCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock dns", flag.ContinueOnError)
	source := sourceFlags(flags)
	names := flags.String("domain", "", "`DOMAIN,...` of the users' addresses (default those of mta_sts, autoconfig and recipients)")
	address := flags.String("resolver", "", "`HOST[:PORT]` of a resolver: compare with the published records")
	set := flags.Bool("set", false, "add the missing records by acme.dns")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	domains := mailDomains(c)
	if err := overrideNames(&domains, "--domain", *names); err != nil {
		ui.errorf("%v", err)
		return errUsage
	}
	if len(domains) == 0 {
		return errNoMailDomain
	}
	r := dnsReport{ui: ui, ctx: context.Background(), set: *set}
	if err := r.connect(c, *address); err != nil {
		return err
	}
	for _, domain := range domains {
		for _, record := range records.Of(c, domain) {
			if err := r.print(record); err != nil {
				return err
			}
		}
		ui.printf("\n")
	}
	if err := r.reportKey(c); err != nil {
		return err
	}
	if err := r.tlsa(c); err != nil {
		return err
	}
	return r.result()
}

var errNoMailDomain = errors.New("no domain: name those of your users' addresses with --domain")

// mailDomains lists the domains that the configuration names.
func mailDomains(c *configs.Config) (domains []string) {
	add := func(domain string) {
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	if c.MTASTS != nil {
		domains = slices.Clone(c.MTASTS.Domains)
	}
	if c.Autoconfig != nil {
		for _, domain := range c.Autoconfig.Domains {
			add(domain)
		}
	}
	for _, l := range c.Listeners {
		for _, entry := range l.Recipients {
			domain := entry[strings.LastIndexByte(entry, '@')+1:]
			if !strings.HasPrefix(domain, ".") && !strings.HasPrefix(domain, "*.") {
				add(domain)
			}
		}
	}
	return domains
}

// dnsReport prints records and changes them. It counts those that are missing and that
// mail depends on.
type dnsReport struct {
	ui       *ui
	ctx      context.Context
	resolver *resolver.Resolver // nil: nothing is compared
	updater  updater            // nil: nothing can be changed
	set      bool

	missing, failed int
}

// connect sets the resolver: that of --resolver, or with --set that of acme.dns. If
// acme.dns can change records, it sets the updater too.
func (r *dnsReport) connect(c *configs.Config, address string) error {
	client, err := app.DNSClient(c)
	switch {
	case err != nil && r.set:
		return err
	case err == nil:
		r.updater = client
	}
	switch {
	case address != "":
		r.resolver = &resolver.Resolver{Address: withDNSPort(address)}
	case r.set:
		r.resolver = &client.Resolver
	}
	return nil
}

func (r *dnsReport) print(record records.Record) error {
	r.ui.printf("%s\n;   %s\n", record, record.Why)
	if r.resolver == nil {
		return nil
	}
	published, others, err := records.Published(r.ctx, *r.resolver, record)
	if err != nil {
		return err
	}
	change := record.Change(published, others)
	added := r.apply(record, change)
	switch {
	case published:
		r.ui.printf(";   published\n")
	case added:
	case record.Optional:
		r.ui.printf(";   not published\n")
	default:
		r.ui.printf(";   MISSING\n")
		r.missing++
	}
	if !published || record.Type == "MX" {
		for _, other := range others {
			if !slices.Contains(change.Remove, other) {
				r.ui.printf(";   published besides: %s\n", other)
			}
		}
	}
	return nil
}

// result returns an error if mail depends on a missing record, or a change has failed.
func (r *dnsReport) result() error {
	switch {
	case r.failed > 0:
		return fmt.Errorf("%s failed", count(r.failed, "change"))
	case r.missing > 0:
		return fmt.Errorf("%s missing that mail depends on", count(r.missing, "record"))
	}
	return nil
}

// reportKey prints the record of the key that signs reports about TLS, if the proxy
// sends any.
func (r *dnsReport) reportKey(c *configs.Config) error {
	key, err := app.ReportKey(c)
	if err != nil || key == nil {
		return err
	}
	record, err := records.ReportKey(c.Smarthost.TLSRPT, key)
	if err != nil {
		return err
	}
	defer r.ui.printf("\n")
	return r.print(record)
}

// tlsa prints the TLSA records of port 25. Without a certificate there are none yet.
func (r *dnsReport) tlsa(c *configs.Config) (err error) {
	t := tlsaReport{ui: r.ui, ctx: r.ctx, resolver: r.resolver}
	if r.updater != nil && c.ACME.DANE == nil { // with acme.dane the running proxy changes them
		t.add = r.addTLSA
	}
	if t.rollovers, err = rolloversOf(r.ctx, c); err != nil {
		return err
	}
	err = t.all(c, nil, func(port int) bool { return port == configs.SMTP.Port() })
	if errors.Is(err, errNothingServed) {
		r.ui.printf("; TLSA: %v\n", err)
		return nil
	}
	return err
}
