package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// checkACME reports at the start what the CA would refuse later.
func checkACME(c *Config, m Machine, r report) {
	a, at := c.ACME, r.in("acme")
	if a == nil {
		return
	}
	if len(c.ACMEHosts()) == 0 {
		at.misplaced(at.either("write hosts:, or remove acme: without hosts it only adds what mta_sts and autoconfig need, and there is neither",
			"give --acme-hosts, or leave the flags and variables for ACME out"),
			"certificates come from files, and acme has nothing to get")
	}
	for i, host := range a.Hosts {
		checkPublicName(host, at.in("hosts", i))
	}
	if local, _, ok := strings.Cut(a.Email, "@"); a.Email != "" && (!ok || local == "" || legalRecipient(a.Email) != nil) {
		at.in("email").wrong("write an address such as postmaster@example.com, or leave it out", "%q is not an address", a.Email)
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		at.in("directory").wrong("write the CA's https URL, or leave it out for Let's Encrypt", "%q is not an https URL", a.Directory)
	}
	if e := at.in("eab"); a.EAB != nil {
		if a.EAB.KID == "" || a.EAB.KeyFile == "" {
			e.wrong(e.either("write both kid: and key_file:, as the CA has given them", "give both --acme-eab-kid and --acme-eab-key-file, as the CA has given them"), "eab needs the key's name and the key")
		}
		checkReadable(m, a.EAB.KeyFile, e.in("key_file"))
	}
	checkReadable(m, a.CARoots, at.in("ca_roots"))
	for _, own := range []struct{ key, address, example string }{{"http", a.HTTP, ":80"}, {"tls_alpn", a.TLSALPN, ":443"}} {
		if _, err := parseListen(own.address); own.address != "" && err != nil {
			at.in(own.key).wrong(fmt.Sprintf("write %q, or an address with a port", own.example), "%q %v", own.address, err)
		}
	}
}

// checkPublicName permits the names that a CA signs after a challenge by HTTP
// or TLS (RFC 8555 §8.3, RFC 8737), and that autocert accepts.
func checkPublicName(name string, at report) {
	const remedy = "write a name that the whole world resolves, such as mail.example.com"
	_, notAddress := netip.ParseAddr(name)
	err := legalDomain(name)
	switch {
	case strings.HasPrefix(name, "*."):
		at.wrong("write each name; for a wildcard use certificates from files", "%q is a wildcard, which needs a challenge by DNS", name)
	case notAddress == nil:
		at.wrong(remedy, "%q is an address", name)
	case err != nil:
		at.wrong(remedy, "%q %v", name, err)
	case !strings.Contains(name, "."):
		at.wrong(remedy, "%q has no domain", name)
	}
}

// checkMTASTS checks the policy thoroughly: a wrong policy keeps mail away for
// as long as senders remember it.
func checkMTASTS(c *Config, _ Machine, r report) {
	m, at := c.MTASTS, r.in("mta_sts")
	if m == nil {
		return
	}
	if c.ACME == nil {
		at.misplaced("write acme:, with hosts if the listeners are to have certificates of it too",
			"mta_sts needs acme: the policy is served with a publicly trusted certificate")
	}
	if len(m.Domains) == 0 {
		at.wrong("write domains: and the domains that mail is received for", "mta_sts has no domains")
	}
	for i, domain := range m.Domains {
		checkPublicName(domain, at.in("domains", i))
	}
	for i, mx := range m.MX {
		if err := legalDomain(strings.TrimPrefix(mx, "*.")); err != nil {
			at.in("mx", i).wrong("write the name of an MX host, or *.example.com for all of one level", "%q %v", mx, err)
		}
	}
}

// STSModes returns the modes of an MTA-STS policy (RFC 8461 §3.2, §5).
func STSModes() []string {
	k, _ := keyAt("mta_sts.mode")
	return k.Words
}
