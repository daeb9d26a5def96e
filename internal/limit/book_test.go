package limit

import (
	"net/netip"
	"testing"
	"time"
)

func testLimits() SlotLimits {
	return SlotLimits{
		Connections: 100, ConnectionsPerClient: 20, ConnectionsPerNetwork: 50, Unauthenticated: 30, UnauthenticatedPerClient: 10,
		Safe: 5 * time.Second, Services: []string{"imap"},
	}
}

// book takes slots and remembers which sessions were evicted. A session that
// was evicted leaves at once, unless linger is set.
type book struct {
	t       *testing.T
	slots   Slots
	now     time.Time
	service string
	linger  bool
	evicted []string
	leaving []*Slot
	started int
}

func newBook(t *testing.T, change func(*SlotLimits)) *book {
	b := &book{t: t, now: time.Unix(1e9, 0), service: "imap"}
	l := testLimits()
	if change != nil {
		change(&l)
	}
	b.slots.Set(l)
	return b
}

func (b *book) try(client string) (*Slot, string) {
	slot, full := b.slots.Acquire(b.service, netip.MustParseAddr(client), b.now)
	if slot == nil {
		return nil, full
	}
	slot.Start(func() { b.started++ }, func() {
		b.evicted = append(b.evicted, client)
		b.leaving = append(b.leaving, slot)
	}, nil)
	if !b.linger {
		b.leave()
	}
	return slot, ""
}

func (b *book) leave() {
	for _, slot := range b.leaving {
		slot.Leave()
	}
	b.leaving = nil
}

func (b *book) mustAcquire(client string) *Slot {
	b.t.Helper()
	slot, full := b.try(client)
	if slot == nil {
		b.t.Fatalf("%s gets no slot: %s", client, full)
	}
	return slot
}

// in takes a slot for a session that then enters a class.
func (b *book) in(class Class, client string) *Slot {
	b.t.Helper()
	slot := b.mustAcquire(client)
	if !slot.SetClass(class, false, b.now) {
		b.t.Fatal("it is evicted already")
	}
	return slot
}

func (b *book) loggedIn(client string) *Slot {
	b.t.Helper()
	return b.in(Authenticated, client)
}

func (b *book) refused(client, want string) {
	b.t.Helper()
	if slot, full := b.try(client); slot != nil || full != want {
		b.t.Fatalf("%s: %v, %s; want to meet %s", client, slot, full, want)
	}
}
