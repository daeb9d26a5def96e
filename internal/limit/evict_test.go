package limit

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

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
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// A client with more than its share is evicted first, even if its sessions are
// younger than Safe.
func TestClientsOverTheirShareMakeRoomFirst(t *testing.T) {
	b := newBook(t, nil)
	b.mustAcquire("198.51.100.1") // older than theirs
	for range 15 {
		b.mustAcquire("192.0.2.66")
	}
	for i := range 14 {
		b.mustAcquire(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 5 {
		b.mustAcquire(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.unauthenticated") // the client is down to its share
	if want := slices.Repeat([]string{"192.0.2.66"}, 5); !slices.Equal(b.evicted, want) {
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// A client that holds all slots of its address or its network open without
// logging in keeps out neither its own new sessions nor its neighbours'.
func TestRoomIsMadeWhereItIsMissing(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		b := newBook(t, nil)
		b.mustAcquire("10.0.0.1")
		for range 20 {
			b.mustAcquire("192.0.2.66")
		}
		b.mustAcquire("192.0.2.66")
		if !slices.Equal(b.evicted, []string{"192.0.2.66"}) {
			t.Fatalf("%v were evicted", b.evicted)
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
			t.Fatalf("%v were evicted", b.evicted)
		}
	})
}

// A client may have many young sessions, as in a burst of logins. Sessions that
// stay open without a login are evicted down to its share.
func TestAClientShrinksToItsShare(t *testing.T) {
	b := newBook(t, nil)
	for range 15 {
		b.mustAcquire("192.0.2.66")
	}
	if len(b.evicted) > 0 {
		t.Fatalf("a burst evicts %v", b.evicted)
	}
	b.now = b.now.Add(6 * time.Second)
	b.mustAcquire("192.0.2.66")
	if len(b.evicted) != 6 {
		t.Fatalf("%d of 16 were evicted, and 10 are its share", len(b.evicted))
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
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// A session that is evicted keeps its slot until it is gone, and the new
// session waits for that. So there are never more sessions than slots.
func TestASlotIsFreeWhenItsSessionIsGone(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections, l.Unauthenticated = 3, 3 })
	b.linger = true
	for i := range 3 {
		b.mustAcquire(fmt.Sprintf("10.0.%d.1", i))
	}
	b.now = b.now.Add(5 * time.Second)
	successor := b.mustAcquire("192.0.2.1")
	if len(b.evicted) != 1 || b.started != 3 || b.slots.Usage().All() != 3 {
		t.Fatalf("%v are evicted, %d have started, %d slots are taken", b.evicted, b.started, b.slots.Usage().All())
	}
	b.leave()
	if b.started != 4 || b.slots.Usage().All() != 3 {
		t.Fatalf("%d have started, %d slots are taken", b.started, b.slots.Usage().All())
	}
	successor.Leave()
	if n := b.slots.Usage().All(); n != 2 {
		t.Fatalf("%d slots are taken", n)
	}
}

// The new session may be gone before the session that is evicted.
func TestASuccessorThatLeaves(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections, l.Unauthenticated = 1, 1 })
	b.linger = true
	b.mustAcquire("10.0.0.1")
	b.now = b.now.Add(5 * time.Second)
	b.mustAcquire("192.0.2.1").Leave()
	b.leave()
	if b.started != 1 || b.slots.Usage().All() != 0 || len(b.slots.clients) != 0 || len(b.slots.networks) != 0 || b.slots.successors != 0 {
		t.Fatalf("%d have started, left: %+v", b.started, &b.slots)
	}
}

// A session that was evicted must end, even if it has logged in meanwhile.
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

// A session that is chosen for eviction before it has called Start is evicted
// by Start.
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

// Transactions without a message do not renew a slot: the session's age stays.
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
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// A message that the backend has decided on renews the slot.
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
		t.Fatalf("%v were evicted", b.evicted)
	}
}

// Sessions with an accepted recipient that make no progress are evicted when no
// other session can; while a verdict is due they do not.
func TestWorkingSessionsThatDoNotWork(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) { l.Connections = 4 })
	received := int64(0)
	moving, _ := b.slots.Acquire("imap", netip.MustParseAddr("10.0.0.1"), b.now)
	moving.Start(func() {}, func() { t.Error("a session with progress is evicted") }, func() int64 { return received })
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
		t.Fatalf("%v were evicted", b.evicted)
	}
}
