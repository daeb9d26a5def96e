package proxy

import "net/netip"

// neighbourhood is what counts as one client: an IPv4 address, or the /64 of
// an IPv6 one, within which a client may choose freely.
func neighbourhood(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() || !a.IsValid() {
		return a
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}

// networkOf is what is often given to one customer, or ruled by one: a /24 of
// IPv4, a /48 of IPv6.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	prefix, _ := a.Prefix(bits)
	return prefix
}
