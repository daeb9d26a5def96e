package limit

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A flood of one service takes nothing of another service's reserve, whether
// among all sessions, in a network or of a client.
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
			t.Fatalf("%v were evicted", b.evicted)
		}
	})
}

// A service that no longer has a listener has no reserve: its sessions count as
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

// Only sessions in the common part can be evicted; sessions within their
// service's reserve need not.
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
		t.Fatalf("%v were evicted", b.evicted)
	}
}
