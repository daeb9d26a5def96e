package configs

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

var errNextHop = errors.New("is not a next hop")

// smarthostRules check the rules of outbound mail. at is the report of the key
// smarthost.
var smarthostRules = []func(c *Config, m Machine, at report){
	checkClients,
	checkDevices,
	checkEHLOName,
	checkResolvers,
	checkSmarthostLevel,
	checkSmarthostFiles,
	checkDestinations,
	checkTLSRPT,
}

// checkSmarthost runs the rules, which require a smarthost listener.
func checkSmarthost(c *Config, m Machine, r report) {
	at := r.in("smarthost")
	switch {
	case c.Smarthost == nil:
		return
	case !c.HasSmarthost():
		at.misplaced("add a listener: {service: smarthost}", "smarthost means nothing without a listener of that service")
		return
	}
	for _, check := range smarthostRules {
		check(c, m, at)
	}
}

// checkEHLOName skips an absent name: the default is the hostname, which has
// its own check.
func checkEHLOName(c *Config, _ Machine, at report) {
	at = at.in("ehlo_name")
	if err := legalDomain(c.Smarthost.EHLOName); err != nil && at.given() {
		at.wrong("write the name of this machine in DNS, such as mail.example.com", "ehlo_name %q %v", c.Smarthost.EHLOName, err)
	}
}

func checkResolvers(c *Config, _ Machine, at report) {
	for i, resolver := range c.Smarthost.Resolvers {
		address, err := parseResolver(resolver)
		switch {
		case bracketsLost(resolver):
			at.in("resolvers", i).wrong(`write brackets around the address, as in "[::1]:53" or "[fd00::1:53]"`, "%q %v", resolver, errAmbiguous)
		case err != nil || address.Port() == 0:
			at.in("resolvers", i).wrong(`write an address, such as 127.0.0.1 or "[::1]:5353"`, "%q is not an address of a DNS server", resolver)
		}
	}
}

func checkSmarthostLevel(c *Config, _ Machine, at report) {
	if LevelOf(c.Smarthost.Level) == outbound.Fingerprint {
		at.in("level").wrong("name the destinations whose fingerprints are known", "level fingerprint is for a destination, not for all")
	}
}

func checkSmarthostFiles(c *Config, m Machine, at report) {
	checkReadable(m, c.Smarthost.CA, at.in("ca"))
	checkReadable(m, c.Smarthost.TokenKeyFile, at.in("token_key_file"))
	if own := c.Smarthost.ClientCertificate; own != nil {
		checkPair(*own, m, at.in("client_certificate"))
	}
}

// private lists the networks whose addresses clients from the Internet cannot
// have.
var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), shared,
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

func isPrivate(n Network) bool {
	return slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Bits() <= n.Bits() && p.Contains(n.Addr()) })
}

// checkClients prevents clients from the Internet from sending mail through the
// proxy.
func checkClients(c *Config, _ Machine, at report) {
	if len(c.Smarthost.Clients) == 0 {
		at.in("clients").wrong("name the legacy server's address, or leave the key out for this machine", "clients is empty")
	}
	for i, n := range c.Smarthost.Clients {
		if n.IsValid() && !isPrivate(n) {
			at.in("clients", i).wrong("reach the legacy server over loopback, a private network or a tunnel, and name its address there",
				"%s is not of a private network: the smarthost would be an open relay, and receive mail in plaintext over the internet", n)
		}
	}
}

// checkDestinations checks each destination. A domain may be in only one of
// them.
func checkDestinations(c *Config, m Machine, r report) {
	seen := map[string]bool{}
	for i, d := range c.Smarthost.Destinations {
		at := r.in("destinations", i)
		checkDomains(d, seen, at)
		checkNextHop(c, d, d.NextHop, at.in("next_hop"))
		checkFallback(c, d, at)
		checkSenders(d.Senders, at)
		checkRewrite(d, at)
		checkDestinationTLS(c, d, at)
		checkRelayLogin(c, m, d, at)
		checkReadable(m, d.CA, at.in("ca"))
		checkInside(d, at)
	}
}

// checkDomains checks the domains of a destination, and adds them to those seen.
func checkDomains(d Destination, seen map[string]bool, at report) {
	if len(d.Domains) == 0 {
		at.wrong(`write domains: [example.com], with .example.com for all beneath, and "*" for all others`, "the destination names no domain")
	}
	for i, domain := range d.Domains {
		err := legalPattern(domain)
		switch {
		case domain != "*" && err != nil:
			at.in("domains", i).wrong(`write a domain, .domain for all beneath, or "*" for all others`, "%q %v", domain, err)
		case seen[domain] && d.Senders == nil:
			at.in("domains", i).wrong("name each domain once, or name different senders", "%s is named twice", domain)
		}
		seen[domain] = seen[domain] || d.Senders == nil
	}
}

// checkInside permits private networks, and single addresses, which may be
// those of public backends. With a wider network a DNS record could lead to any
// address.
func checkInside(d Destination, at report) {
	for i, n := range d.Networks {
		if n.IsValid() && !n.IsSingleIP() && !isPrivate(n) {
			at.in("networks", i).wrong("write the private network in which the servers are, such as 10.1.0.0/16, or single addresses",
				"%s is not a private network: servers at public addresses need no permission", n)
		}
	}
}

// checkNextHop reports a next hop that leads back to the proxy.
func checkNextHop(c *Config, d Destination, hop string, at report) {
	if !at.given() {
		return
	}
	name, port, direct, err := ParseNextHop(hop)
	if err != nil {
		at.wrong(`write example.net for its MX, or "[mail.example.net]" for a host, with :port behind if it is not 25`, "%q %v", hop, err)
		return
	}
	const submissions = 465
	if port == submissions && !LevelOf(d.Level).Required() {
		at.wrong("write level: secure, or the port 587", "connections to port 465 begin with TLS, and the destination has no level that requires TLS")
	}
	if own, loops := c.reaches(net.JoinHostPort(name, strconv.Itoa(port))); direct && loops {
		at.wrong("name another server", "%s is this proxy's own %s listener: mail would go round in a circle", hop, own.Service)
	}
}

// checkFallback checks the next hops after the first.
func checkFallback(c *Config, d Destination, r report) {
	if len(d.Fallback) > 0 && d.NextHop == "" {
		r.in("fallback").misplaced("write next_hop: and the first of them", "there is no next_hop that could fail")
	}
	for i, hop := range d.Fallback {
		checkNextHop(c, d, hop, r.in("fallback", i))
	}
}

// checkSenders checks the form of the senders of a destination.
func checkSenders(senders []string, r report) {
	for i, sender := range senders {
		checkSender(sender, r.in("senders", i))
	}
}

func checkSender(sender string, at report) {
	if err := legalRecipient(sender); err != nil {
		at.wrong("write an address, a domain, or .domain for its subdomains", "%q %v", sender, err)
	}
}

// checkRewrite checks the sender that replaces others.
func checkRewrite(d Destination, r report) {
	if d.RewriteSender == "" {
		if d.RewriteFrom {
			r.in("rewrite_from").misplaced("write rewrite_sender: and the address", "there is no address to write into From")
		}
		return
	}
	if err := legalRecipient(d.RewriteSender); err != nil || !strings.Contains(d.RewriteSender, "@") {
		r.in("rewrite_sender").wrong("write an address, such as scanner@example.com", "%q is not an address", d.RewriteSender)
	}
}

// checkDestinationTLS checks the level of a destination, and its other keys
// about TLS.
func checkDestinationTLS(c *Config, d Destination, r report) {
	if r.in("level").given() && !slices.Contains(outbound.Levels(), d.Level) {
		return
	}
	if d.Policy != "" {
		r.in("policy").oneOf("TLS policy", d.Policy, c.policyNames())
	}
	checkLevelKeys(d, r)
	checkNames(d, r)
}

// levelKeys lists the keys of a destination that have a meaning at some levels
// only. A destination without a level has the level of smarthost, or one that
// follows from DNS records.
var levelKeys = []struct {
	key    string
	levels []outbound.Level
	unset  bool // the key has a meaning without a level
	where  string
}{
	{"match", []outbound.Level{outbound.Verify, outbound.Secure}, false, "level: verify or secure"},
	{"fingerprints", []outbound.Level{outbound.Fingerprint}, false, "level: fingerprint"},
	{"policy", levelsWithout(outbound.None), true, "a level with TLS"},
	{"server_name", levelsWithout(outbound.None), true, "a level with TLS"},
	{"ca", levelsWithout(outbound.None, outbound.Fingerprint), true, "a level with authorities"},
}

func levelsWithout(some ...outbound.Level) []outbound.Level {
	var levels []outbound.Level
	for _, name := range outbound.Levels() {
		if l := LevelOf(name); !slices.Contains(some, l) {
			levels = append(levels, l)
		}
	}
	return levels
}

// checkLevelKeys reports keys that have no meaning at the level, and a missing
// key that the level requires.
func checkLevelKeys(d Destination, r report) {
	level := LevelOf(d.Level)
	for _, k := range levelKeys {
		means := k.unset
		if d.Level != "" {
			means = slices.Contains(k.levels, level)
		}
		if key := r.in(k.key); key.given() && !means {
			key.misplaced("remove it, or write "+k.where, "%s means nothing at this level", k.key)
		}
	}
	if level == outbound.Fingerprint && len(d.Fingerprints) == 0 {
		r.wrong("write fingerprints: and the SHA-256 of the certificate or of its public key", "there is no fingerprint to compare with")
	}
	if (level == outbound.DANE || level == outbound.DANEOnly) && d.ServerName != "" {
		r.in("server_name").misplaced("remove it", "server_name means nothing with DANE, where the name is that of the TLSA records")
	}
}

// checkNames checks the form of the names that a server's certificate may have.
func checkNames(d Destination, r report) {
	if at := r.in("server_name"); at.given() && !legalServerName(d.ServerName) {
		at.wrong("write the name of a server", "%q is not a name of a server", d.ServerName)
	}
	for i, word := range d.Match {
		if !slices.Contains([]string{"hostname", "nexthop", "dot-nexthop"}, word) && legalPattern(word) != nil {
			r.in("match", i).wrong("write hostname, nexthop, dot-nexthop, a name, or .name for all beneath", "%q is not a name", word)
		}
	}
}
