package configs

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// parseResolver parses the address of a DNS server, with or without a port.
func parseResolver(text string) (netip.AddrPort, error) {
	if bracketsLost(text) {
		return netip.AddrPort{}, errAmbiguous
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, nil
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return netip.AddrPortFrom(ip, 53), err
}

// CompleteResolver adds the port of DNS to an address without a port.
func CompleteResolver(text string) string {
	address, err := parseResolver(text)
	if err != nil {
		return text
	}
	return net.JoinHostPort(address.Addr().String(), strconv.Itoa(int(address.Port())))
}
