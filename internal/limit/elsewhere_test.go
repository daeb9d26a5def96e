package limit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// The sessions of a client at other instances count for its limit, until the store has
// been silent for too long.
func TestSessionsElsewhere(t *testing.T) {
	b := newBook(t, nil)
	client := netip.MustParseAddr("192.0.2.1")
	b.slots.SetElsewhere(Sessions{client: {"imap": 15, "unknown": 99}}, b.now.Add(time.Minute))
	for range 5 {
		b.loggedIn("192.0.2.1")
	}
	b.refused("192.0.2.1", "limits.connections_per_client")
	b.mustAcquire("192.0.2.2")
	b.now = b.now.Add(2 * time.Minute)
	b.loggedIn("192.0.2.1")
}

// A service's reserve is one over all instances too.
func TestReservesElsewhere(t *testing.T) {
	b := newBook(t, func(l *SlotLimits) {
		l.ConnectionsPerClient, l.Reserved, l.Services = 20, 50, []string{"imap", "smtp"} // 5 for each, and 10
	})
	client := netip.MustParseAddr("192.0.2.1")
	b.slots.SetElsewhere(Sessions{client: {"imap": 15}}, b.now.Add(time.Minute))
	b.refused("192.0.2.1", "limits.connections_per_client")
	b.service = "smtp"
	for range 5 {
		b.loggedIn("192.0.2.1")
	}
	b.refused("192.0.2.1", "limits.connections_per_client")
}

func TestSessionsOfTheBusiestClients(t *testing.T) {
	b := newBook(t, nil)
	for i := range 4 {
		for range i + 1 {
			b.mustAcquire(fmt.Sprintf("192.0.2.%d", i))
		}
	}
	if all := b.slots.Sessions(2, 100); len(all) != 3 || all[netip.MustParseAddr("192.0.2.3")]["imap"] != 4 {
		t.Errorf("%v", all)
	}
	if all := b.slots.Sessions(1, 2); len(all) != 2 || all[netip.MustParseAddr("192.0.2.2")]["imap"] != 3 {
		t.Errorf("%v", all)
	}
}
