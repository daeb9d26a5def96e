package configs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// checkBackends checks the named backends, used or not.
func checkBackends(c *Config, m Machine, r report) {
	seen := map[string]bool{}
	for i, b := range c.Backends {
		at := r.in("backends", i)
		switch {
		case b.Name == "":
			at.wrong("write name: and a word of your own", "the backend has no name")
		case strings.ContainsFunc(b.Name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(":/@*[]", c) }) || b.Name == "reject":
			at.in("name").wrong("write letters, digits and hyphens", "%q is not a name for a backend", b.Name)
		case seen[b.Name]:
			at.in("name").wrong("choose another name", "there is another backend called %s", b.Name)
		}
		seen[b.Name] = true
		checkAddresses(c, b, at)
		checkBackendTLS(m, b, at)
	}
}

// checkAddresses checks each server of a backend. Its port, if it has none, is
// the one of the listener's service.
func checkAddresses(c *Config, b Backend, r report) {
	if len(b.Addresses) == 0 {
		r.wrong("write addresses: [10.0.0.5, 10.0.0.6]", "the backend has no addresses")
	}
	seen := map[string]bool{}
	for i, address := range b.Addresses {
		at := r.in("addresses", i)
		full, err := completeBackend(address, 1)
		switch {
		case err != nil:
			at.wrong(`write "legacy.lan", "192.0.2.1:143", "[2001:db8::1]:143" or "unix:/run/mail/socket"`, "%q %v", address, err)
		case seen[full]:
			at.wrong("name each server once", "%s is named twice", address)
		case !b.Verified() && !c.PublicPlaintextBackend && PublicHost(hostOf(address)):
			at.wrong("set tls, with verify or a pin, reach it over a private network, or set allow_public_plaintext_backend: true",
				"%s is a public address, and mail and passwords would be readable on the way there", hostOf(address))
		}
		seen[full] = true
	}
}

// checkBackendTLS reports TLS rules for a backend without TLS, and rules that
// contradict each other.
func checkBackendTLS(m Machine, b Backend, r report) {
	for _, key := range []string{"verify", "server_name", "ca", "pin", "min_version"} {
		if at := r.in(key); at.given() && !b.Encrypted() {
			at.misplaced("remove it, or write tls: starttls or tls: tls", "%s means nothing without TLS", key)
		} else if at.given() && key != "verify" && key != "min_version" && !b.Verified() {
			at.misplaced("remove one of the two", "%s contradicts verify: false, which accepts any server as the backend", key)
		}
	}
	checkReadable(m, b.CA, r.in("ca"))
	if at := r.in("pin"); at.given() && len(b.Pin) == 0 {
		at.wrong("write the SHA-256 of the backend's public key in base64, or remove the key", "pin lists no key")
	}
	if at := r.in("server_name"); at.given() {
		if _, err := netip.ParseAddr(b.ServerName); err != nil && !legalServerName(b.ServerName) {
			at.wrong("write the name in the backend's certificate", "%q is not a name of a server", b.ServerName)
		}
	}
	checkSocketName(b, r)
}

func legalServerName(name string) bool { return name != "" && !addressLike(name) && legalHost(name) }

// checkSocketName: a socket has no host that a certificate could be for.
func checkSocketName(b Backend, r report) {
	if !b.Verified() || b.ServerName != "" || len(b.Pin) > 0 && b.CA == "" {
		return
	}
	for i, address := range b.Addresses {
		if _, socket := unixPath(address); socket {
			r.in("addresses", i).wrong("write server_name: and the name in the certificate, or a pin", "%s has no host that a certificate could be for", address)
		}
	}
}

// checkBackend does not resolve a name: it is resolved for each connection, so
// that a backend can move.
func checkBackend(c *Config, l Listener, r report) {
	if l.Service.Outbound() {
		if at := r.in("backend"); at.given() {
			at.misplaced("remove it; to send all mail to one server, write smarthost: {destinations: [{domains: [\"*\"], next_hop: ...}]}", "backend means nothing on smarthost, where mail goes to the servers of its recipients")
		}
		return
	}
	if l.Backend == "" {
		r.wrong(fmt.Sprintf("write backend: and the mail server's host, with a port if it is not %d", l.Service.BackendPort()), "the listener has no backend")
		return
	}
	if _, named := c.backendNamed(l.Backend); named {
		return
	}
	if _, err := completeBackend(l.Backend, l.Service.BackendPort()); err != nil {
		r.in("backend").wrong(r.either(
			fmt.Sprintf(`write "legacy.lan:%d", "192.0.2.1", "[2001:db8::1]:%[1]d" or "unix:/run/mail/socket"`, l.Service.BackendPort()),
			"give a name such as legacy.lan, or an address such as 192.0.2.1 or 2001:db8::1"),
			"%q %v", l.Backend, err)
	}
}

// warnHostName warns of a backend without a dot that is used as a host name,
// but may be a misspelt name of a backend.
func (c *Config) warnHostName(i int, l Listener, advise func(key, remedy, text string)) {
	key := fmt.Sprintf("listeners[%d].backend", i)
	written, ok := c.written(key)
	if _, named := c.backendNamed(l.Backend); !ok || named || len(c.Backends) == 0 || strings.ContainsAny(written, ".:") {
		return
	}
	remedy := fmt.Sprintf("write %s:%d if it is a host", written, l.Service.BackendPort())
	if near := nearest(written, c.backendNames()); near != "" {
		remedy = fmt.Sprintf("write %s, or %s:%d if it is a host", near, written, l.Service.BackendPort())
	}
	advise(key, remedy, fmt.Sprintf("%s is the name of none of the backends, and taken for that of a host", written))
}

// checkPublicBackend prevents passwords and mail from crossing the Internet in
// plaintext by mistake.
func checkPublicBackend(c *Config, l Listener, r report) {
	if _, named := c.backendNamed(l.Backend); named || c.PublicPlaintextBackend {
		return
	}
	if host := hostOf(l.Backend); PublicHost(host) {
		r.in("backend").wrong(r.either(
			"reach it over a tunnel or a private network, name one of backends that has tls, or set allow_public_plaintext_backend: true",
			"reach it over a tunnel or a private network; for TLS to it, write a configuration file with backends:"),
			"%s is a public address, and mail and passwords would go there in plaintext", host)
	}
}

// checkLoop reports backends that are the proxy itself.
func checkLoop(c *Config, _ Machine, r report) {
	for i, l := range c.Listeners {
		for _, address := range c.BackendOf(l).Addresses {
			if own, ok := c.reaches(address); ok {
				r.in("listeners", i).in("backend").wrong(
					"move the mail server to another port or address, and write that",
					"%s is this proxy's own %s listener: connections would go round in a circle", address, own.Service)
			}
		}
	}
}

// reaches returns the proxy's own listener that an address leads to.
func (c *Config) reaches(address string) (Listener, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return Listener{}, false
	}
	number, _ := strconv.Atoi(port)
	for _, own := range c.Listeners {
		if a, err := parseListen(own.Listen); err == nil && a.reaches(host, number) {
			return own, true
		}
	}
	return Listener{}, false
}
