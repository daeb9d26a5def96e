package configs

import (
	"fmt"
	"net/netip"
	"strings"
)

// Network is a range of addresses, written 192.0.2.0/24 or 2001:db8::/32; a
// bare address is a network with one address.
type Network struct {
	netip.Prefix
}

const networkRemedy = "write a network such as 192.0.2.0/24 or 2001:db8::/32"

// UnmarshalText parses a prefix or an address. A prefix with bits set after its
// length is an error, because either the address or the length is a mistake.
func (n *Network) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil {
		addr = addr.Unmap().WithZone("")
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a network", text)
	}
	if masked := prefix.Masked(); masked != prefix {
		return fmt.Errorf("%q has bits set after its length; the network is %s", text, masked)
	}
	n.Prefix = prefix
	return nil
}

// addressLike distinguishes a misspelt network from a domain: no domain has a
// colon or a slash, or ends in a number (RFC 3696 §2).
func addressLike(s string) bool {
	last := s[strings.LastIndexByte(s, '.')+1:]
	return strings.ContainsAny(s, ":/") || last != "" && strings.Trim(last, "0123456789") == ""
}
