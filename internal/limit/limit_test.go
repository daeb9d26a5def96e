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

// A flood of sessions that do not log in leaves those alone that have, and finds
// slots only as long as nobody else needs them.
func TestConnections(t *testing.T) {
	b := newBook(t, nil)
	for i := range 90 {
		b.loggedIn(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 10 {
		b.mustAcquire(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections") // all are still safe
	b.now = b.now.Add(5 * time.Second)
	for i := range 10 {
		b.loggedIn(fmt.Sprintf("10.3.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections")
	if len(b.evicted) != 10 || b.evicted[0] != "10.1.0.1" || b.evicted[9] != "10.1.9.1" {
		t.Fatalf("%v made room", b.evicted)
	}
}

func TestTheOldestMakesRoom(t *testing.T) {
	b := newBook(t, nil)
	for i := range 30 {
		b.mustAcquire(fmt.Sprintf("10.0.%d.1", i))
		b.now = b.now.Add(100 * time.Millisecond)
	}
	b.refused("192.0.2.1", "limits.unauthenticated") // the oldest has had three seconds
	b.now = b.now.Add(2 * time.Second)
	b.mustAcquire("192.0.2.1")
	b.refused("192.0.2.2", "limits.unauthenticated")
	if !slices.Equal(b.evicted, []string{"10.0.0.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A client with more than its share makes room first, safe or not.
func TestTheCrowdMakesRoomFirst(t *testing.T) {
	b := newBook(t, nil)
	b.mustAcquire("198.51.100.1") // older than the crowd
	for range 15 {
		b.mustAcquire("192.0.2.66")
	}
	for i := range 14 {
		b.mustAcquire(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 5 {
		b.mustAcquire(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.unauthenticated") // the crowd is down to its share
	if want := slices.Repeat([]string{"192.0.2.66"}, 5); !slices.Equal(b.evicted, want) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A client that holds all slots of an address or a network open for nothing
// keeps neither it nor its neighbours out.
func TestRoomIsMadeWhereItIsMissing(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		b := newBook(t, nil)
		b.mustAcquire("10.0.0.1")
		for range 20 {
			b.mustAcquire("192.0.2.66")
		}
		b.mustAcquire("192.0.2.66")
		if !slices.Equal(b.evicted, []string{"192.0.2.66"}) {
			t.Fatalf("%v made room", b.evicted)
		}
	})
	t.Run("network", func(t *testing.T) {
		b := newBook(t, nil)
		b.mustAcquire("10.0.0.1")
		for i := range 25 {
			b.loggedIn(fmt.Sprintf("192.0.2.%d", i))
			b.mustAcquire(fmt.Sprintf("192.0.2.%d", i))
		}
		b.refused("192.0.2.99", "limits.connections_per_network")
		b.now = b.now.Add(5 * time.Second)
		b.mustAcquire("192.0.2.99")
		if !slices.Equal(b.evicted, []string{"192.0.2.0"}) {
			t.Fatalf("%v made room", b.evicted)
		}
	})
}

// A burst of logins is let be; connections held open for nothing are not.
func TestAClientShrinksToItsShare(t *testing.T) {
	b := newBook(t, nil)
	for range 15 {
		b.mustAcquire("192.0.2.66")
	}
	if len(b.evicted) > 0 {
		t.Fatalf("a burst makes room: %v", b.evicted)
	}
	b.now = b.now.Add(6 * time.Second)
	b.mustAcquire("192.0.2.66")
	if len(b.evicted) != 6 {
		t.Fatalf("%d of 16 made room, and 10 are its share", len(b.evicted))
	}
}

func TestNobodyElseMakesRoomForAFullClient(t *testing.T) {
	b := newBook(t, nil)
	for range 20 {
		b.loggedIn("192.0.2.1")
	}
	b.mustAcquire("198.51.100.1")
	b.now = b.now.Add(time.Hour)
	b.refused("192.0.2.1", "limits.connections_per_client")
	if len(b.evicted) > 0 {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A session that makes room holds its slot until it is gone. The newcomer waits
// for that, and there are never more sessions than slots.
func TestASlotIsFreeWhenItsSessionIsGone(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections, l.Unauthenticated = 3, 3 })
	b.linger = true
	for i := range 3 {
		b.mustAcquire(fmt.Sprintf("10.0.%d.1", i))
	}
	b.now = b.now.Add(5 * time.Second)
	heir := b.mustAcquire("192.0.2.1")
	if len(b.evicted) != 1 || b.started != 3 || b.slots.Usage().All() != 3 {
		t.Fatalf("%v must make room, %d have started, %d slots are taken", b.evicted, b.started, b.slots.Usage().All())
	}
	b.leave()
	if b.started != 4 || b.slots.Usage().All() != 3 {
		t.Fatalf("%d have started, %d slots are taken", b.started, b.slots.Usage().All())
	}
	heir.Leave()
	if n := b.slots.Usage().All(); n != 2 {
		t.Fatalf("%d slots are taken", n)
	}
}

// The newcomer may be gone before the session that makes room is.
func TestAnHeirThatLeaves(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections, l.Unauthenticated = 1, 1 })
	b.linger = true
	b.mustAcquire("10.0.0.1")
	b.now = b.now.Add(5 * time.Second)
	b.mustAcquire("192.0.2.1").Leave()
	b.leave()
	if b.started != 1 || b.slots.Usage().All() != 0 || len(b.slots.clients) != 0 || len(b.slots.networks) != 0 || b.slots.heirs != 0 {
		t.Fatalf("%d have started, left: %+v", b.started, &b.slots)
	}
}

// A session that must make room cannot go on, even if it has logged in meanwhile.
func TestSetClassAfterEviction(t *testing.T) {
	b := newBook(t, nil)
	b.linger = true
	slow := b.mustAcquire("10.0.0.1")
	for i := range 29 {
		b.mustAcquire(fmt.Sprintf("10.1.%d.1", i))
	}
	b.now = b.now.Add(time.Minute)
	b.mustAcquire("192.0.2.1")
	if !slow.Evicted() || slow.SetClass(Authenticated, false, b.now) {
		t.Fatal("the oldest goes on")
	}
}

// A session that must make room before it has passed evict is evicted by Start.
func TestEvictionIsNotMissed(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Unauthenticated = 1 })
	slot, _ := b.slots.Acquire("imap", netip.MustParseAddr("10.0.0.1"), b.now)
	b.now = b.now.Add(time.Minute)
	b.mustAcquire("10.0.0.2")
	evictions := 0
	slot.Start(func() {}, func() { evictions++ }, nil)
	if evictions != 1 {
		t.Fatalf("evicted %d times", evictions)
	}
}

// A flood of one service takes nothing of what another has reserved: not of all,
// not of the network's, not of the client's.
func TestServicesHaveReserves(t *testing.T) {
	reserve := func(l *SlotLimits) { l.Reserved, l.Services = 50, []string{"smtp", "imap"} }
	flood := func(b *book, address func(i int) string, most int) {
		b.service = "smtp"
		for i := 0; ; i++ {
			slot, full := b.try(address(i))
			if slot == nil {
				if i != most {
					b.t.Fatalf("%d sessions before %s, want %d", i, full, most)
				}
				break
			}
			slot.SetClass(Authenticated, false, b.now)
		}
		b.service = "imap"
	}
	t.Run("all", func(t *testing.T) {
		b := newBook(t, reserve)
		flood(b, func(i int) string { return fmt.Sprintf("10.%d.0.1", i) }, 75)
		for i := range 25 {
			b.loggedIn(fmt.Sprintf("10.0.%d.1", i))
		}
		b.refused("10.0.99.1", "limits.connections")
	})
	t.Run("network", func(t *testing.T) {
		b := newBook(t, reserve)
		flood(b, func(i int) string { return fmt.Sprintf("10.0.0.%d", i) }, 38)
		for i := range 12 {
			b.loggedIn(fmt.Sprintf("10.0.0.%d", i))
		}
		b.refused("10.0.0.99", "limits.connections_per_network")
	})
	t.Run("client", func(t *testing.T) {
		b := newBook(t, reserve)
		flood(b, func(int) string { return "10.0.0.1" }, 15)
		for range 5 {
			b.loggedIn("10.0.0.1")
		}
		b.refused("10.0.0.1", "limits.connections_per_client")
	})
	t.Run("unauthenticated", func(t *testing.T) {
		b := newBook(t, reserve)
		b.service = "smtp"
		for i := range 23 {
			b.mustAcquire(fmt.Sprintf("10.%d.0.1", i))
		}
		b.refused("10.99.0.1", "limits.unauthenticated")
		b.service = "imap"
		for i := range 7 {
			b.mustAcquire(fmt.Sprintf("10.%d.0.1", i))
		}
		if len(b.evicted) > 0 {
			t.Fatalf("%v made room", b.evicted)
		}
	})
}

// A service that has no listener any more has no reserve: its sessions count as
// common ones.
func TestServicesThatAreGone(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Reserved, l.Services = 50, []string{"smtp", "imap"} })
	b.service = "smtp"
	for i := range 25 {
		b.loggedIn(fmt.Sprintf("10.%d.0.1", i))
	}
	l := testLimits()
	l.Reserved = 50
	b.slots.Set(l)
	b.service = "imap"
	for i := range 75 {
		b.loggedIn(fmt.Sprintf("10.%d.0.2", i))
	}
	b.refused("10.99.0.1", "limits.connections")
}

// What is common is taken by sessions that may have to make room; a service that
// is within its reserve need not.
func TestRoomIsMadeInTheCommonPart(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Reserved, l.Services = 50, []string{"smtp", "imap"} })
	b.mustAcquire("10.9.0.1") // the oldest, and within the reserve of its service
	b.service = "smtp"
	for i := range 23 {
		b.mustAcquire(fmt.Sprintf("10.%d.0.1", i))
		b.now = b.now.Add(time.Millisecond)
	}
	b.now = b.now.Add(time.Minute)
	b.mustAcquire("10.99.0.1")
	if !slices.Equal(b.evicted, []string{"10.0.0.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// Transactions without a message earn nothing: the session's age goes on.
func TestEmptyTransactionsDoNotKeepASlot(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Unauthenticated = 3 })
	cycling := b.mustAcquire("10.0.0.1")
	for range 20 {
		b.now = b.now.Add(time.Second)
		cycling.SetClass(Working, false, b.now)
		cycling.SetClass(Unauthenticated, false, b.now)
	}
	b.mustAcquire("10.0.1.1")
	b.mustAcquire("10.0.2.1")
	b.mustAcquire("10.0.3.1")
	if !slices.Equal(b.evicted, []string{"10.0.0.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A decided message begins the session's time anew.
func TestAMessageRenewsASlot(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Unauthenticated = 2 })
	honest := b.mustAcquire("10.0.0.1")
	b.now = b.now.Add(time.Second)
	b.mustAcquire("10.0.1.1")
	b.now = b.now.Add(time.Minute)
	honest.SetClass(Working, false, b.now)
	honest.SetClass(Working, true, b.now)
	honest.Renew(b.now)
	honest.SetClass(Unauthenticated, false, b.now)
	b.mustAcquire("10.0.2.1")
	if !slices.Equal(b.evicted, []string{"10.0.1.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// Sessions with an accepted recipient that do not come on make room when nobody
// else can; a verdict that is due is waited for.
func TestWorkingSessionsThatDoNotWork(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections = 4 })
	received := int64(0)
	moving, _ := b.slots.Acquire("imap", netip.MustParseAddr("10.0.0.1"), b.now)
	moving.Start(func() {}, func() { t.Error("a session that comes on makes room") }, func() int64 { return received })
	moving.SetClass(Working, false, b.now)
	b.in(Working, "10.0.1.1").SetClass(Working, true, b.now)
	b.now = b.now.Add(time.Second)
	b.in(Working, "10.0.2.1")
	b.loggedIn("10.0.3.1")
	b.refused("10.0.4.1", "limits.connections")
	b.now = b.now.Add(time.Minute)
	received = 1 << 20
	b.mustAcquire("10.0.5.1")
	if !slices.Equal(b.evicted, []string{"10.0.2.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A connection whose client is not known yet holds a slot of its service, and
// that of its client from then on.
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

// Whatever comes and goes, the counts are right, within the limits, and
// nothing is left at the end.
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
	if s.Usage() != (Usage{}) || s.heirs != 0 || len(s.clients) != 0 || len(s.networks) != 0 {
		t.Fatalf("left: %+v", s)
	}
	for _, tally := range s.everywhere.tallies {
		if tally.used != 0 || tally.unauthenticated != 0 || tally.crowded.Len() != 0 || tally.waiting[0].Len()+tally.waiting[1].Len() != 0 {
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
	for _, of := range b.slots.everywhere.tallies {
		if of.used != perService[of.service] {
			t.Fatalf("service %d has %d sessions, %d counted", of.service, perService[of.service], of.used)
		}
		waiting += of.waiting[Unauthenticated].Len() + of.waiting[Working].Len()
		for e := of.crowded.Front(); e != nil; e = e.Next() {
			if e.Value.(*tally).unauthenticated <= b.slots.share {
				t.Fatal("a client within its share is in the list of crowds")
			}
		}
	}
	if waiting != listed {
		t.Fatalf("%d may have to make room, %d are listed", listed, waiting)
	}
}
