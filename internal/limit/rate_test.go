package limit

import (
	"net/netip"
	"testing"
	"time"
)

// Each client, an IPv4 address or an IPv6 /64, has a rate of its own.
func TestRate(t *testing.T) {
	r, now := NewRate(2, time.Minute), time.Now()
	ask := func(client string, after time.Duration) bool {
		return r.Allow(netip.MustParseAddr(client), now.Add(after))
	}
	for i, tt := range []struct {
		client string
		after  time.Duration
		want   bool
	}{
		{"192.0.2.1", 0, true}, {"192.0.2.1", 0, true}, {"192.0.2.1", 0, false}, {"::ffff:192.0.2.1", time.Second, false},
		{"192.0.2.2", 0, true}, {"2001:db8::1", 0, true}, {"2001:db8::2", 0, true}, {"2001:db8::3", 0, false},
		{"192.0.2.1", 31 * time.Second, true}, {"192.0.2.1", 32 * time.Second, false}, {"192.0.2.1", 2 * time.Minute, true},
	} {
		if got := ask(tt.client, tt.after); got != tt.want {
			t.Errorf("request %d of %s: %v", i, tt.client, got)
		}
	}
}
