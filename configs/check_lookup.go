package configs

import (
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/lookup"
)

// checkLookups checks the lookups, used or not.
func checkLookups(c *Config, m Machine, r report) {
	seen := map[string]bool{}
	for i, k := range c.Lookups {
		at := r.in("lookups", i)
		switch {
		case k.Name == "":
			at.wrong("write name: and a word of your own", "the lookup has no name")
		case strings.ContainsFunc(k.Name, func(c rune) bool { return c <= ' ' || c > '~' }) || len(k.Name) > 64:
			at.in("name").wrong("write letters, digits and hyphens", "%q is not a name for a lookup", k.Name)
		case seen[k.Name]:
			at.in("name").wrong("choose another name", "there is another lookup called %s", k.Name)
		}
		seen[k.Name] = true
		checkLookupURL(c, k, at)
		checkLookupNetworks(k, at)
		checkLookupHeaders(k, m, at)
		checkReadable(m, k.CA, at.in("ca"))
		if k.ClientCertificate != nil {
			checkPair(*k.ClientCertificate, m, at.in("client_certificate"))
		}
	}
}

// checkLookupURL also prevents names and passwords from crossing the Internet in
// plaintext, and TLS rules for a connection without TLS.
func checkLookupURL(c *Config, k Lookup, r report) {
	at := r.in("url")
	if k.URL == "" {
		r.wrong("write url: and where the lookup is asked, such as https://auth.lan/mail", "the lookup has no url")
		return
	}
	target, socket, err := lookup.ParseURL(k.URL)
	if err != nil {
		at.wrong("write http://HOST/PATH, https://HOST/PATH or unix:/run/auth.sock:/PATH", "%q %v", k.URL, err)
		return
	}
	u, err := url.Parse(target)
	if err != nil {
		return
	}
	if host := u.Hostname(); u.Scheme == "http" && socket == "" && PublicHost(host) && !c.PublicPlaintextBackend {
		at.wrong("use https, or reach it over a private network", "%s is a public address, and the names of users would go there in plaintext", host)
	}
	for _, key := range []string{"ca", "client_certificate"} {
		if in := r.in(key); u.Scheme == "http" && in.given() {
			in.misplaced("remove it, or write https:// in url", "%s means nothing without TLS", key)
		}
	}
}

// checkLookupNetworks: with a network of all addresses an answer could send logins
// anywhere.
func checkLookupNetworks(k Lookup, r report) {
	at := r.in("networks")
	if at.given() && len(k.Networks) == 0 {
		at.wrong("write the networks of the mail servers, or leave the key out for private networks", "networks is empty")
	}
	for i, n := range k.Networks {
		if n.IsValid() && n.Bits() == 0 {
			at.item(i).wrong("write the networks of the mail servers", "%s matches every address: a false answer could send logins anywhere", n)
		}
	}
}

// framing are the headers that net/http sets itself.
var framing = []string{"Host", "Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func checkLookupHeaders(k Lookup, m Machine, r report) {
	for i, h := range k.Headers {
		at := r.in("headers", i)
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch {
		case h.Name == "":
			at.wrong("write name: and the name of the header", "the header has no name")
		case strings.ContainsFunc(h.Name, func(c rune) bool { return !isHeaderRune(c) }):
			at.in("name").wrong("write letters, digits and hyphens", "%q is not the name of a header", h.Name)
		case slices.Contains(framing, name) || lookup.Sets(name):
			at.in("name").wrong("choose another name, such as X-Auth-Key", "%s is a header that Letterlock sets itself", h.Name)
		}
		switch {
		case (h.Value == "") == (h.ValueFile == ""):
			at.wrong("write either value: or value_file:", "the header needs one value")
		case strings.ContainsFunc(h.Value, func(c rune) bool { return c < ' ' || c > '~' }):
			at.in("value").wrong("write one line of printable ASCII", "the value has characters that no header may have")
		}
		checkReadable(m, h.ValueFile, at.in("value_file"))
	}
}

func isHeaderRune(c rune) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// checkLookup checks the lookup of a listener.
func checkLookup(c *Config, l Listener, r report) {
	at := r.in("lookup")
	switch {
	case !at.given():
		return
	case r.in("routes").given():
		at.misplaced("remove one of the two", "users cannot have their backends both from routes and from a lookup")
		return
	}
	var names []string
	for _, k := range c.Lookups {
		if k.Name != "" && !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	if len(names) == 0 {
		at.wrong("write lookups: and an entry with that name", "there are no lookups")
		return
	}
	at.oneOf("lookup", l.Lookup, names)
}

// CheckLookedUp returns an error for an address that an answer of a lookup names: the
// proxy itself, or a public address that would be reached in plaintext.
func (c *Config) CheckLookedUp(l Listener, address netip.AddrPort) error {
	b := c.ReachAddress(l, address.String())
	if !b.Verified() {
		return c.CheckTarget(address.String(), l.Service)
	}
	return c.checkOwn(address.String())
}
