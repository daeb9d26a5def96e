package limit

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestConnectionsPerClient(t *testing.T) {
	b := newBook(t, nil)
	var last *Slot
	for range 20 {
		last = b.loggedIn("192.0.2.1")
	}
	b.refused("192.0.2.1", "limits.connections_per_client")
	b.refused("::ffff:192.0.2.1", "limits.connections_per_client")
	b.refused("64:ff9b::192.0.2.1", "limits.connections_per_client")
	b.loggedIn("192.0.2.2")
	last.Leave()
	b.mustAcquire("192.0.2.1")
}

func TestConnectionsPerNetwork(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"IPv4":  func(i int) string { return fmt.Sprintf("192.0.2.%d", i) },
		"IPv6":  func(i int) string { return fmt.Sprintf("2001:db8:1:%d::1", i) },
		"NAT64": func(i int) string { return fmt.Sprintf("64:ff9b::192.0.2.%d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, nil)
			for i := range 50 {
				b.loggedIn(address(i))
			}
			b.refused(address(77), "limits.connections_per_network")
			b.mustAcquire("198.51.100.1")
			b.mustAcquire("2001:db8:2::1")
		})
	}
}

// A flood of sessions that do not log in does not disturb authenticated
// sessions, and takes slots only while no other session needs them.
func TestConnections(t *testing.T) {
	b := newBook(t, nil)
	for i := range 90 {
		b.loggedIn(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 10 {
		b.mustAcquire(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections") // all sessions are still younger than Safe
	b.now = b.now.Add(5 * time.Second)
	for i := range 10 {
		b.loggedIn(fmt.Sprintf("10.3.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections")
	if len(b.evicted) != 10 || b.evicted[0] != "10.1.0.1" || b.evicted[9] != "10.1.9.1" {
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// A connection whose client is not known yet holds a slot of its service. From
// Identify on it also counts for its client.
func TestIdentify(t *testing.T) {
	b := newBook(t, nil)
	for range 20 {
		b.loggedIn("192.0.2.1")
	}
	slot, full := b.slots.Acquire("imap", netip.Addr{}, b.now)
	if slot == nil || b.slots.Usage().All() != 21 {
		t.Fatalf("%s, %v", full, b.slots.Usage())
	}
	if full := slot.Identify(netip.MustParseAddr("192.0.2.1"), b.now); full != "limits.connections_per_client" {
		t.Errorf("identified: %q", full)
	}
	slot.Leave()
	slot, _ = b.slots.Acquire("imap", netip.Addr{}, b.now)
	if full := slot.Identify(netip.MustParseAddr("192.0.2.2"), b.now); full != "" {
		t.Errorf("identified: %q", full)
	}
	if b.slots.Usage().All() != 21 || len(b.slots.clients) != 2 {
		t.Errorf("%v, %d clients", b.slots.Usage(), len(b.slots.clients))
	}
	slot.Leave()
	if b.slots.Usage().All() != 20 || len(b.slots.clients) != 1 {
		t.Errorf("%v, %d clients", b.slots.Usage(), len(b.slots.clients))
	}
}

// Whatever sessions start and end, the counts are right and within the limits,
// and nothing is left at the end.
func TestSlotsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := newBook(t, func(l *SlotLimits) { l.Reserved, l.Services = 40, []string{"smtp", "imap", "pop3"} })
	b.linger = true
	services := []string{"smtp", "imap", "pop3"}
	var open []*Slot
	for range 50_000 {
		b.now = b.now.Add(time.Duration(random.IntN(400)) * time.Millisecond)
		switch n := random.IntN(12); {
		case n < 5:
			b.service = services[random.IntN(3)]
			client := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), byte(random.IntN(4))})
			if slot, _ := b.try(client.String()); slot != nil {
				open = append(open, slot)
			}
		case len(open) == 0:
		case n < 7:
			open[random.IntN(len(open))].SetClass(Class(random.IntN(3)), random.IntN(4) == 0, b.now)
		case n == 7:
			open[random.IntN(len(open))].Renew(b.now)
		default:
			i := random.IntN(len(open))
			open[i].Leave()
			open = slices.Delete(open, i, i+1)
		}
		checkSlots(t, b, open)
	}
	for _, slot := range open {
		slot.Leave()
	}
	s := &b.slots
	if s.Usage() != (Usage{}) || s.successors != 0 || len(s.clients) != 0 || len(s.networks) != 0 {
		t.Fatalf("left: %+v", s)
	}
	for _, tally := range s.total.tallies {
		if tally.used != 0 || tally.unauthenticated != 0 || tally.overShare.Len() != 0 || tally.waiting[0].Len()+tally.waiting[1].Len() != 0 {
			t.Fatalf("left: %+v", tally)
		}
	}
}

func checkSlots(t *testing.T, b *book, open []*Slot) {
	t.Helper()
	var usage Usage
	perService, listed := map[int16]int{}, 0
	for _, slot := range open {
		if slot.waits || slot.gone {
			continue
		}
		usage[slot.class]++
		perService[slot.service]++
		if slot.eviction != nil && slot.eviction.listed[ofAll] != nil {
			listed++
		}
	}
	if usage != b.slots.Usage() || usage.All() > b.slots.all.limit {
		t.Fatalf("%v are open, %v counted", usage, b.slots.Usage())
	}
	waiting := 0
	for _, of := range b.slots.total.tallies {
		if of.used != perService[of.service] {
			t.Fatalf("service %d has %d sessions, %d counted", of.service, perService[of.service], of.used)
		}
		waiting += of.waiting[Unauthenticated].Len() + of.waiting[Working].Len()
		for e := of.overShare.Front(); e != nil; e = e.Next() {
			if e.Value.(*tally).unauthenticated <= b.slots.share {
				t.Fatal("a client within its share is listed as one over its share")
			}
		}
	}
	if waiting != listed {
		t.Fatalf("%d can be evicted, %d are listed", listed, waiting)
	}
}
