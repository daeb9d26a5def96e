package configs

import (
	"fmt"
	"slices"
	"strings"
)

// answering lists where challenges are answered.
func (a *ACME) answering() []string {
	all := slices.DeleteFunc([]string{a.HTTP, a.TLSALPN}, func(s string) bool { return s == "" })
	if a.DNS != nil {
		all = append(all, "DNS by "+a.DNS.Method)
	}
	return all
}

// describeACME describes where certificates come from, and what else the ACME
// sockets serve.
func describeACME(b *strings.Builder, c *Config) {
	if hosts := c.general().Hosts; len(hosts) > 0 {
		one := ""
		if c.ACME.OneCertificate && len(hosts) > 1 {
			one = " together"
		}
		fmt.Fprintf(b, "certificate: %s by ACME for %s%s, self-signed until they are issued\n", strings.Join(c.ACME.Keys, " and "), strings.Join(hosts, ", "), one)
	}
	if a := c.ACME; a != nil {
		fmt.Fprintf(b, "acme: from %s, challenges answered on %s\n", a.Directory, strings.Join(a.answering(), " and "))
	}
	if a := c.ACME; a != nil && a.DANE != nil {
		by := "by hand"
		if a.DANE.Publish == "dns" {
			by = "by " + a.DNS.Method
		}
		fmt.Fprintf(b, "dane: new keys at renewals for %s, TLSA records published %s\n", strings.Join(a.DANE.Hosts, ", "), by)
	}
	if m := c.MTASTS; m != nil {
		fmt.Fprintf(b, "mta-sts: mode %s for %s, valid for %s, MX %s, served by HTTPS on %s\n",
			m.Mode, strings.Join(m.Domains, ", "), short(m.MaxAge), strings.Join(m.MX, ", "), c.ACME.TLSALPN)
	}
	if a := c.Autoconfig; a != nil {
		fmt.Fprintf(b, "autoconfig: for %s, served by HTTPS on %s as %s\n", strings.Join(a.Domains, ", "), c.ACME.TLSALPN, strings.Join(c.AutoconfigHosts(), ", "))
		for _, s := range c.ClientServices() {
			if s.Service != Sieve {
				fmt.Fprintf(b, "  %s at %s:%d\n", s.Service, s.Host, s.Port)
			}
		}
	}
}
