package configs

import "fmt"

// ownSocket is an address that the program listens on, other than those of the
// listeners.
type ownSocket struct {
	path    []string // the path of the key
	address string
	name    string // for error messages
}

// ownSockets returns the configured sockets.
func (c *Config) ownSockets() []ownSocket {
	all := []ownSocket{{[]string{"status", "listen"}, c.Status.Listen, "the status page"}}
	if c.ACME != nil {
		all = append(all,
			ownSocket{[]string{"acme", "http"}, c.ACME.HTTP, "acme.http"},
			ownSocket{[]string{"acme", "tls_alpn"}, c.ACME.TLSALPN, "acme.tls_alpn"})
	}
	return all
}

// checkSockets reports ports that are used twice, by listeners and own sockets.
// Two listeners are compared by checkOverlap.
func checkSockets(c *Config, _ Machine, r report) {
	type socket struct {
		listenAddress
		text, name string
	}
	var taken []socket
	for _, l := range c.Listeners {
		if a, err := parseListen(l.Listen); err == nil {
			taken = append(taken, socket{a, l.Listen, fmt.Sprintf("the %s listener", l.Service)})
		}
	}
	for _, own := range c.ownSockets() {
		a, err := parseListen(own.address)
		if own.address == "" || err != nil {
			continue
		}
		for _, other := range taken {
			if a.overlaps(other.listenAddress) {
				r.in(own.path[0]).in(own.path[1]).wrong("give one of them another port, or both an address of their own",
					"%s is taken by %s on %s", own.address, other.name, other.text)
				break
			}
		}
		taken = append(taken, socket{a, own.address, own.name})
	}
}

// KeyOfSocket returns the key of an address that the program listens on, such
// as listeners[2].listen or status.listen.
func (c *Config) KeyOfSocket(address string) (key string, ok bool) {
	wanted, err := parseListen(address)
	if err != nil {
		return "", false
	}
	is := func(text string) bool {
		a, err := parseListen(text)
		return err == nil && a == wanted
	}
	for i, l := range c.Listeners {
		if is(l.Listen) {
			return fmt.Sprintf("listeners[%d].listen", i), true
		}
	}
	for _, own := range c.ownSockets() {
		if is(own.address) {
			return own.path[0] + "." + own.path[1], true
		}
	}
	return "", false
}
