package upstream

import (
	"net/netip"
	"slices"
	"testing"
)

// A drained address gets no session in any pool, until it is brought back.
func TestDrained(t *testing.T) {
	d := &Drained{}
	pool := &Pool{Addresses: []string{"10.0.0.1:143", "10.0.0.2:143"}, Drained: d}
	order := func() (addresses []string) {
		for _, m := range pool.Order(netip.Addr{}) {
			addresses = append(addresses, m.Address())
		}
		slices.Sort(addresses)
		return addresses
	}
	if !d.Set("10.0.0.1:143", true) || d.Set("10.0.0.1:143", true) {
		t.Error("a change is not reported, or none is")
	}
	if got := order(); !slices.Equal(got, []string{"10.0.0.2:143"}) || !pool.State()[0].Drained || pool.IsDown() {
		t.Errorf("%v, %+v", got, pool.State())
	}
	d.Set("10.0.0.2:143", true)
	if got := order(); len(got) != 0 || !pool.IsDown() {
		t.Errorf("%v", got)
	}
	if got := d.All(); !slices.Equal(got, []string{"10.0.0.1:143", "10.0.0.2:143"}) {
		t.Errorf("%v", got)
	}
	d.Set("10.0.0.1:143", false)
	if got := order(); !slices.Equal(got, []string{"10.0.0.1:143"}) {
		t.Errorf("%v", got)
	}
	if (*Drained)(nil).Has("10.0.0.1:143") {
		t.Error("nothing is drained, and an address is")
	}
}
