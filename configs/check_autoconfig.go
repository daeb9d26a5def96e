package configs

import (
	"slices"
	"strings"
	"unicode"
)

const longestName = 200 // bytes

// checkAutoconfig refuses settings that mail programs could not use.
func checkAutoconfig(c *Config, _ Machine, r report) {
	a, at := c.Autoconfig, r.in("autoconfig")
	if a == nil {
		return
	}
	if c.ACME == nil {
		at.misplaced("write acme:, with hosts if the listeners are to have certificates of it too",
			"autoconfig needs acme: mail programs fetch the settings by HTTPS with a publicly trusted certificate")
	}
	if len(a.Domains) == 0 {
		at.wrong("write domains: and the domains of your users' addresses", "autoconfig has no domains")
	}
	for i, domain := range a.Domains {
		checkPublicName(domain, at.in("domains", i))
	}
	for i, host := range a.Hosts {
		switch own := at.in("hosts", i); {
		case !own.given(): // it follows from a domain
		case slices.Contains(c.PolicyHosts(), host):
			own.wrong("remove it", "%s serves the policy of mta_sts", host)
		default:
			checkPublicName(host, own)
		}
	}
	if strings.ContainsFunc(a.Name, func(r rune) bool { return !unicode.IsPrint(r) }) || len(a.Name) > longestName {
		at.in("name").wrong("write one line of up to 200 bytes", "the name has control characters, or is too long")
	}
	if len(c.ClientServices()) == 0 {
		at.misplaced("remove it, or add a listener such as {service: imaps, backend: legacy.example.com}",
			"autoconfig has nothing to name: no listener is for mail programs")
	}
}

// checkPublicHost permits names of hosts.
func checkPublicHost(_ *Config, l Listener, r report) {
	if err := legalDomain(l.PublicHost); l.PublicHost != "" && err != nil {
		r.in("public_host").wrong("write the name that clients connect to, such as imap.example.com", "%q %v", l.PublicHost, err)
	}
}

// warnAutoconfig warns of hosts that mail programs would get and not trust.
func warnAutoconfig(c *Config, warn func(key, format string, args ...any)) {
	if c.Autoconfig == nil {
		return
	}
	for _, s := range c.ClientServices() {
		if served := c.ServedBy(s.Listener); len(served.Files) == 0 && !served.Certified(s.Host) {
			warn("autoconfig", "mail programs get the host %s for %s, and no certificate is for it: add it to acme.hosts, or write another public_host", s.Host, s.Service)
		}
	}
}
