package nexthop

import (
	"testing"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// A server is authentic, as REQUIRETLS demands, if forged DNS records could not lead
// to another one.
func TestH19_Authentic(t *testing.T) {
	const mx, address, tlsa = "MX a.example", "A mx.a.example", "TLSA _25._tcp.mx.a.example"
	signed := zone{mx: "10 mx.a.example", address: "192.0.2.1"}
	unsigned := zone{mx + "!": "10 mx.a.example", address + "!": "192.0.2.1"}
	withTLSA := zone{mx: "10 mx.a.example", address: "192.0.2.1", tlsa: "3 1 1"}
	enforced := policies{"a.example": {Mode: "enforce", MX: []string{"mx.a.example"}}}
	for name, tt := range map[string]struct {
		zone     zone
		rules    Rules
		policies Policies
		want     bool
	}{
		"may":                          {signed, Rules{Level: outbound.May}, nil, false},
		"encrypt":                      {signed, Rules{Level: outbound.Encrypt}, nil, false},
		"dane":                         {withTLSA, Rules{Level: outbound.May, Signals: true}, nil, true},
		"dane without records":         {signed, Rules{Level: outbound.DANE}, nil, false},
		"mta-sts":                      {unsigned, Rules{Level: outbound.May, Signals: true}, enforced, true},
		"mta-sts in testing":           {unsigned, Rules{Level: outbound.May, Signals: true}, policies{"a.example": mtasts.Policy{Mode: "testing"}}, false},
		"verify, signed":               {signed, Rules{Level: outbound.Verify}, nil, true},
		"verify, unsigned":             {unsigned, Rules{Level: outbound.Verify}, nil, false},
		"secure":                       {unsigned, Rules{Level: outbound.Secure}, nil, true},
		"secure, but for the hostname": {unsigned, Rules{Level: outbound.Secure, Match: []string{"hostname"}}, nil, false},
		"fingerprint":                  {unsigned, Rules{Level: outbound.Fingerprint}, nil, true},
	} {
		f := &Finder{DNS: tt.zone, Validates: true, Default: tt.rules, Policies: tt.policies}
		n := 0
		for hop, err := range f.Hops(t.Context(), "", "a.example") {
			if n++; err != nil || hop.Authentic != tt.want {
				t.Errorf("%s: %t, %v", name, hop.Authentic, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d servers", name, n)
		}
	}
}
