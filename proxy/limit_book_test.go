package proxy

import (
	"net/netip"
	"testing"
	"time"
)

func testPlaces() *places {
	p := &places{}
	p.set(Limits{
		Connections: 100, ConnectionsPerClient: 20, ConnectionsPerNetwork: 50, Unauthenticated: 30, UnauthenticatedPerClient: 10,
	}, 5*time.Second)
	return p
}

// book takes places and remembers which of them were taken away again.
type book struct {
	t       *testing.T
	places  *places
	now     time.Time
	evicted []string
}

func newBook(t *testing.T) *book { return &book{t: t, places: testPlaces(), now: time.Unix(1e9, 0)} }

func (b *book) take(client string) *place {
	b.t.Helper()
	at, full := b.places.take(netip.MustParseAddr(client), b.now)
	if at == nil {
		b.t.Fatalf("%s is turned away: %s", client, full)
	}
	at.onEviction(func() { b.evicted = append(b.evicted, client) })
	return at
}

func (b *book) settled(client string) *place {
	b.t.Helper()
	at := b.take(client)
	at.settle()
	return at
}

func (b *book) refused(client, want string) {
	b.t.Helper()
	if at, full := b.places.take(netip.MustParseAddr(client), b.now); at != nil || full != want {
		b.t.Fatalf("%s: %v, %s; want to meet %s", client, at, full, want)
	}
}
