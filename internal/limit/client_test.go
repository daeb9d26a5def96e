package limit

import (
	"net/netip"
	"testing"
)

func TestClientAndNetwork(t *testing.T) {
	for address, want := range map[string][2]string{
		"192.0.2.7":            {"192.0.2.7", "192.0.2.0/24"},
		"::ffff:192.0.2.7":     {"192.0.2.7", "192.0.2.0/24"},
		"64:ff9b::192.0.2.7":   {"192.0.2.7", "192.0.2.0/24"},
		"64:ff9b::1:c000:207":  {"64:ff9b::", "64:ff9b::/48"}, // not within the /96
		"2001:db8:1:2:3:4:5:6": {"2001:db8:1:2::", "2001:db8:1::/48"},
		"fe80::1%eth0":         {"fe80::", "fe80::/48"},
		"::1":                  {"::", "::/48"},
	} {
		a := netip.MustParseAddr(address)
		if got := [2]string{Client(a).String(), Network(a).String()}; got != want {
			t.Errorf("%s is %q, not %q", address, got, want)
		}
	}
	if Client(netip.Addr{}).IsValid() || Network(netip.Addr{}).IsValid() {
		t.Error("the zero address counts as a client")
	}
}
