package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
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
		checkCertified(a, host, at.in("hosts", i))
	}
	checkKeyTypes(a.Keys, at.in("keys"))
	checkACMEDNS(a.DNS, m, at.in("dns"))
	checkACMEDANE(c, at.in("dane"))
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

// keyTypes are the words of acme.keys, those for the same algorithm together: a
// client could get either of two such certificates, and neither is better.
var keyTypes = [][]string{{"p256", "p384"}, {"rsa2048", "rsa3072", "rsa4096"}}

func checkKeyTypes(types []string, at report) {
	for _, same := range keyTypes {
		chosen := 0
		for _, t := range types {
			if slices.Contains(same, t) {
				chosen++
			}
		}
		if chosen > 1 {
			at.wrong("choose one of them", "only one of %s can be used", strings.Join(same, ", "))
		}
	}
	all := slices.Concat(keyTypes...)
	for i, t := range types {
		if !slices.Contains(all, t) {
			at.item(i).wrong(suggest(t, all), "acme.keys cannot be %q", t)
		}
	}
}

// checkACMEDNS checks that a method has the keys that it needs, and no other.
func checkACMEDNS(d *ACMEDNS, m Machine, at report) {
	if d == nil {
		return
	}
	for _, k := range []struct {
		name   string
		given  bool
		needed []string
		usable []string
		remedy string
	}{
		{"server", d.Server != "", []string{"rfc2136", "powerdns"}, []string{"ovh"}, "write server: the primary server as host:port, or the URL of PowerDNS"},
		{"credentials", d.Credentials != "", []string{"rfc2136", "cloudflare", "desec", "hetzner", "ovh", "powerdns", "route53"}, nil, "write credentials: a file with the key or the token"},
		{"command", len(d.Command) > 0, []string{"exec"}, nil, "write command: [/path/of/the/program]"},
	} {
		switch needed := slices.Contains(k.needed, d.Method); {
		case needed && !k.given:
			at.wrong(k.remedy, "method %s needs %s", d.Method, k.name)
		case !needed && k.given && !slices.Contains(k.usable, d.Method):
			at.in(k.name).misplaced("remove it", "method %s has no %s", d.Method, k.name)
		}
	}
	checkReadable(m, d.Credentials, at.in("credentials"))
	switch {
	case d.Method == "rfc2136" && d.Server != "" && !hasPort(d.Server):
		at.in("server").wrong("write host:port, such as 192.0.2.53:53", "%q has no port", d.Server)
	case d.Method == "powerdns" && !strings.HasPrefix(d.Server, "http://") && !strings.HasPrefix(d.Server, "https://"):
		at.in("server").wrong("write the URL of the API, such as http://127.0.0.1:8081", "%q is no URL", d.Server)
	}
	if _, err := parseResolver(d.Resolver); d.Resolver != "" && err != nil {
		at.in("resolver").wrong(`write an address, such as 127.0.0.1 or "[::1]:5353"`, "%q is no address of a DNS server", d.Resolver)
	}
}

func hasPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != ""
}

// checkCertified permits the names that a CA signs after the challenges that
// are configured: wildcards only by DNS (RFC 8555 §7.1.3), IP addresses by the
// others (RFC 8738 §7).
func checkCertified(a *ACME, name string, at report) {
	parent, wildcard := strings.CutPrefix(name, "*.")
	ip, err := netip.ParseAddr(name)
	switch {
	case wildcard && a.DNS == nil:
		at.wrong("write acme.dns, or each name; or use certificates from files", "%q is a wildcard, which needs a challenge by DNS", name)
	case wildcard:
		checkPublicName(parent, at)
	case err != nil:
		checkPublicName(name, at)
	case !ip.IsGlobalUnicast():
		at.wrong("write an address of this machine that the CA reaches", "%q is an address that no CA signs", name)
	case a.HTTP == "" && a.TLSALPN == "":
		at.wrong("write acme.http or acme.tls_alpn as well", "%q is an address, which cannot be proved by DNS", name)
	}
}

// checkPublicName permits the names of hosts and domains that a CA signs.
func checkPublicName(name string, at report) {
	const remedy = "write a name that the whole world resolves, such as mail.example.com"
	_, notAddress := netip.ParseAddr(name)
	err := legalDomain(name)
	switch {
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
