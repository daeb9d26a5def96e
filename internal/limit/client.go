package limit

import "net/netip"

// nat64 is the well-known prefix of translators from IPv6 to IPv4 (RFC 6052
// §2.1), which hold the IPv4 address in the last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Client returns the network that counts as one client: an IPv4 address, or the
// /64 of an IPv6 address, as one host may use any address in a /64. An IPv4
// address that is mapped into IPv6, or comes through a NAT64, counts as the
// IPv4 address.
func Client(a netip.Addr) netip.Addr {
	a = ipv4Of(a)
	if a.Is4() || !a.IsValid() {
		return a
	}
	return prefix(a, 64).Addr()
}

// Network returns the network that often belongs to one customer: the /24 of an IPv4
// address, the /48 of an IPv6 address.
func Network(a netip.Addr) netip.Prefix {
	a = ipv4Of(a)
	if a.Is4() {
		return prefix(a, 24)
	}
	return prefix(a, 48)
}

// ipv4Of returns the IPv4 address that an IPv6 address contains.
func ipv4Of(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		bytes := a.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return a
}

// prefix returns the network of an address. For the zero address it is invalid.
func prefix(a netip.Addr, bits int) netip.Prefix {
	p, _ := a.Prefix(bits) // fails for the zero address only
	return p
}
