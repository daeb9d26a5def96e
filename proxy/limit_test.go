package proxy

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestConnectionsPerClient(t *testing.T) {
	b := newBook(t)
	var last *place
	for range 20 {
		last = b.settled("192.0.2.1")
	}
	b.refused("192.0.2.1", "limits.connections_per_client")
	b.settled("192.0.2.2")
	last.leave()
	b.take("192.0.2.1")
}

func TestConnectionsPerNetwork(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"IPv4": func(i int) string { return fmt.Sprintf("192.0.2.%d", i) },
		"IPv6": func(i int) string { return fmt.Sprintf("2001:db8:1:%d::1", i) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			for i := range 50 {
				b.settled(address(i))
			}
			b.refused(address(77), "limits.connections_per_network")
			b.take("198.51.100.1")
			b.take("2001:db8:2::1")
		})
	}
}

// G4: a flood of whoever does not log in leaves those alone who have, and
// finds places only as long as nobody else needs them.
func TestConnections(t *testing.T) {
	b := newBook(t)
	for i := range 90 {
		b.settled(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 10 {
		b.take(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections") // all strangers are still safe
	b.now = b.now.Add(5 * time.Second)
	for i := range 10 {
		b.settled(fmt.Sprintf("10.3.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.connections")
	if len(b.evicted) != 10 || b.evicted[0] != "10.1.0.1" || b.evicted[9] != "10.1.9.1" {
		t.Fatalf("%v made room", b.evicted)
	}
}

func TestTheOldestMakesRoom(t *testing.T) {
	b := newBook(t)
	for i := range 30 {
		b.take(fmt.Sprintf("10.0.%d.1", i))
		b.now = b.now.Add(100 * time.Millisecond)
	}
	b.refused("192.0.2.1", "limits.unauthenticated") // the oldest has had three seconds
	b.now = b.now.Add(2 * time.Second)
	b.take("192.0.2.1")
	b.refused("192.0.2.2", "limits.unauthenticated")
	if !slices.Equal(b.evicted, []string{"10.0.0.1"}) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// G4: who has more than its share makes room first, safe or not.
func TestTheCrowdMakesRoomFirst(t *testing.T) {
	b := newBook(t)
	b.take("198.51.100.1") // older than the crowd
	for range 15 {
		b.take("192.0.2.66")
	}
	for i := range 14 {
		b.take(fmt.Sprintf("10.0.%d.1", i))
	}
	for i := range 5 {
		b.take(fmt.Sprintf("10.1.%d.1", i))
	}
	b.refused("10.2.0.1", "limits.unauthenticated") // the crowd is down to its share
	if want := slices.Repeat([]string{"192.0.2.66"}, 5); !slices.Equal(b.evicted, want) {
		t.Fatalf("%v made room", b.evicted)
	}
}

// G4: whoever holds all places of an address or a network open for nothing
// keeps neither it nor its neighbours out.
func TestRoomIsMadeWhereItIsMissing(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		b := newBook(t)
		b.take("10.0.0.1")
		for range 20 {
			b.take("192.0.2.66")
		}
		b.take("192.0.2.66")
		if !slices.Equal(b.evicted, []string{"192.0.2.66"}) {
			t.Fatalf("%v made room", b.evicted)
		}
	})
	t.Run("network", func(t *testing.T) {
		b := newBook(t)
		b.take("10.0.0.1")
		for i := range 25 {
			b.settled(fmt.Sprintf("192.0.2.%d", i))
			b.take(fmt.Sprintf("192.0.2.%d", i))
		}
		b.refused("192.0.2.99", "limits.connections_per_network")
		b.now = b.now.Add(5 * time.Second)
		b.take("192.0.2.99")
		if !slices.Equal(b.evicted, []string{"192.0.2.0"}) {
			t.Fatalf("%v made room", b.evicted)
		}
	})
}

// G2: a burst of logins is let be; connections held open for nothing are not.
func TestAClientShrinksToItsShare(t *testing.T) {
	b := newBook(t)
	for range 15 {
		b.take("192.0.2.66")
	}
	if len(b.evicted) > 0 {
		t.Fatalf("a burst makes room: %v", b.evicted)
	}
	b.now = b.now.Add(6 * time.Second)
	b.take("192.0.2.66")
	if len(b.evicted) != 6 {
		t.Fatalf("%d of 16 made room, and 10 are its share", len(b.evicted))
	}
}

func TestNobodyMakesRoomForATenantOfAFullNetwork(t *testing.T) {
	b := newBook(t)
	for range 20 {
		b.settled("192.0.2.1")
	}
	b.take("198.51.100.1")
	b.now = b.now.Add(time.Hour)
	b.refused("192.0.2.1", "limits.connections_per_client")
	if len(b.evicted) > 0 {
		t.Fatalf("%v made room", b.evicted)
	}
}

// A client that logs in while its place is being taken away keeps both.
func TestSettleComesAfterEviction(t *testing.T) {
	b := newBook(t)
	slow := b.take("10.0.0.1")
	for i := range 29 {
		b.take(fmt.Sprintf("10.1.%d.1", i))
	}
	b.now = b.now.Add(time.Minute)
	b.take("192.0.2.1")
	if !slow.wasTaken() {
		t.Fatal("the oldest has not made room")
	}
	slow.settle()
	if slow.wasTaken() || b.places.all != 31 || b.places.strangers.Len() != 30 {
		t.Fatalf("%d in all, %d strangers", b.places.all, b.places.strangers.Len())
	}
	slow.leave()
	if b.places.all != 30 || b.places.clients[netip.MustParseAddr("10.0.0.1")] != nil {
		t.Fatal("its place was not given back")
	}
}

// Whoever is told to go before his session could say how, goes all the same.
func TestEvictionIsNotMissed(t *testing.T) {
	b := newBook(t)
	b.places.limits.Unauthenticated = 1
	at, _ := b.places.take(netip.MustParseAddr("10.0.0.1"), b.now)
	b.now = b.now.Add(time.Minute)
	b.take("10.0.0.2")
	told := 0
	at.onEviction(func() { told++ })
	if told != 1 {
		t.Fatalf("told %d times", told)
	}
}

// Whatever comes and goes, the counts are right, within the limits, and
// nothing is left at the end.
func TestPlacesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p, now := testPlaces(), time.Unix(1e9, 0)
	var open []*place
	for range 50_000 {
		now = now.Add(time.Duration(random.IntN(400)) * time.Millisecond)
		switch n := random.IntN(10); {
		case n < 5:
			client := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), byte(random.IntN(4))})
			if at, _ := p.take(client, now); at != nil {
				open = append(open, at)
			}
		case len(open) == 0:
		case n < 7:
			open[random.IntN(len(open))].settle()
		default:
			i := random.IntN(len(open))
			open[i].leave()
			open = slices.Delete(open, i, i+1)
		}
		checkPlaces(t, p, open)
	}
	for _, at := range open {
		at.leave()
	}
	if p.all != 0 || p.crowded != 0 || len(p.clients) != 0 || len(p.networks) != 0 || p.strangers.Len() != 0 {
		t.Fatalf("left: %+v", p)
	}
}

func checkPlaces(t *testing.T, p *places, open []*place) {
	t.Helper()
	all, strangers, crowded := 0, 0, 0
	for _, at := range open {
		if at.counted {
			all++
		}
		if at.all != nil {
			strangers++
		}
	}
	for _, c := range p.clients {
		if c.strangers.Len() > p.limits.UnauthenticatedPerClient {
			crowded++
		}
	}
	if all != p.all || strangers != p.strangers.Len() || crowded != p.crowded || strangers > p.limits.Unauthenticated {
		t.Fatalf("%d in all, %d strangers, %d crowds; counted are %d, %d, %d", all, strangers, crowded, p.all, p.strangers.Len(), p.crowded)
	}
}

// There are never more sessions than descriptors for them.
func TestConnectionsFitTheDescriptors(t *testing.T) {
	for _, c := range []struct{ configured, descriptors, want int }{
		{10000, 1 << 20, 10000}, {10000, 1024, 448}, {100, 1024, 100}, {100, 64, 1},
	} {
		log := &bytes.Buffer{}
		g := &Generation{Limits: Limits{Connections: c.configured}}
		g.fit(c.descriptors, slog.New(slog.NewTextHandler(log, nil)))
		if g.Limits.Connections != c.want || (log.Len() > 0) != (c.want < c.configured) {
			t.Errorf("%d connections with %d descriptors: %d, %s", c.configured, c.descriptors, g.Limits.Connections, log)
		}
	}
}

func TestNeighbourhood(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := neighbourhood(netip.MustParseAddr(a)); got.String() != want {
			t.Errorf("%s belongs to %s, want %s", a, got, want)
		}
	}
}
