package egress

import (
	"net/netip"
	"slices"
)

// special lists the special-purpose networks in which no public mail server can be (RFC
// 6890 and the IANA registries that continue it). Networks for documentation are not
// listed: packets to them reach only test networks.
var special = []struct {
	words    string
	networks []netip.Prefix
}{
	{thisMachine, prefixes("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128")},
	{"a private network (RFC 1918)", prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")},
	{"a shared network (RFC 6598)", prefixes("100.64.0.0/10")},
	{"a link-local network (RFC 3927, RFC 4291)", prefixes("169.254.0.0/16", "fe80::/10")},
	{"a network for protocols (RFC 6890)", prefixes("192.0.0.0/24", "2001::/23")},
	{"a network of 6to4 relays (RFC 7526)", prefixes("192.88.99.0/24")},
	{"a network for benchmarks (RFC 2544)", prefixes("198.18.0.0/15")},
	{"a multicast network (RFC 5771, RFC 4291)", prefixes("224.0.0.0/4", "ff00::/8")},
	{"a reserved network (RFC 1112)", prefixes("240.0.0.0/4")},
	{"a private network (RFC 4193)", prefixes("fc00::/7")},
	{"a site-local network (RFC 3879)", prefixes("fec0::/10")},
}

// thisMachine describes loopback and unspecified addresses.
const thisMachine = "this machine (RFC 1122)"

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// Special describes the special-purpose network that an address is in; it is
// not ok for an address that any host of the Internet may have.
func Special(ip netip.Addr) (words string, ok bool) {
	ip = ip.Unmap().WithZone("")
	for _, s := range special {
		if slices.ContainsFunc(s.networks, func(n netip.Prefix) bool { return n.Contains(ip) }) {
			return s.words, true
		}
	}
	switch {
	case !ip.IsValid():
		return "no address", true
	case ip.Is6() && !unicast.Contains(ip) && !translated.Contains(ip) && !translatedHere.Contains(ip):
		return "a network without public servers (RFC 4291)", true
	}
	return "", false
}

var (
	unicast        = netip.MustParsePrefix("2000::/3")       // all public IPv6 addresses (RFC 4291 §2.4)
	sixToFour      = netip.MustParsePrefix("2002::/16")      // RFC 3056
	translated     = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	translatedHere = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
)

// behind lists the IPv4 addresses to which a translator or a relay would send packets
// for an IPv6 address.
func behind(ip netip.Addr) []netip.Addr {
	b := ip.As16()
	switch {
	case sixToFour.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case translated.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[12:16]))}
	case translatedHere.Contains(ip):
		return inLocalTranslation(b)
	}
	return nil
}

// inLocalTranslation reads the IPv4 address at each position that RFC 6052 §2.2 allows.
// The length of the translator's prefix is not known here; after a prefix shorter than
// 96 bits, the address is followed by zeros. An address in 0.0.0.0/8 belongs to no host
// and was read at a wrong position.
func inLocalTranslation(b [16]byte) (found []netip.Addr) {
	for _, at := range [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}} {
		ip := netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]})
		if allZero(b[at[3]+1:]) && b[at[0]] != 0 {
			found = append(found, ip)
		}
	}
	return found
}

func allZero(bytes []byte) bool {
	for _, b := range bytes {
		if b != 0 {
			return false
		}
	}
	return true
}
