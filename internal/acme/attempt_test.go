package acme

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/letterlock/letterlock/internal/test/pebble"
)

// countOrders counts the requests for new orders.
func countOrders(ca *pebble.CA) *atomic.Int32 {
	var orders atomic.Int32
	ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/order-plz") {
			orders.Add(1)
		}
		return false
	})
	return &orders
}

// A challenge that fails costs an order, and another type is tried. The next order begins
// with the type that has worked.
func TestAnotherChallenge(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, TLSALPN: anyPort, Keys: []KeyType{P256}})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	_ = b.servers[0].tcp.Close()
	orders := countOrders(b.ca)
	for _, want := range []int32{2, 3} {
		if err := b.order(b.entry(P256)); err != nil {
			t.Fatal(b.describe(err, b.entry(P256)))
		}
		if n := orders.Load(); n != want {
			t.Errorf("%d orders, want %d", n, want)
		}
	}
}

// If all types of challenges fail, the next attempt begins with the first one again.
func TestAllChallengesFail(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, TLSALPN: anyPort, Keys: []KeyType{P256}})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	for _, s := range b.servers {
		_ = s.tcp.Close()
	}
	for range 2 {
		if words, _ := b.describe(b.order(b.entry(P256)), b.entry(P256)); !strings.Contains(words, "tls-alpn-01: ") {
			t.Error(words)
		}
	}
}

// An order that the shared state brings back is not continued if it is complete and its
// certificate is used, or if the CA does not know it.
func TestAnOldOrderComesBack(t *testing.T) {
	t.Parallel()
	shared := newBoard()
	m := shared.member()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}, Shared: m, Follow: time.Millisecond})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	orders, e := countOrders(b.ca), b.entry(P256)
	var old []byte
	m.writes = func(name string) {
		if name == mail {
			old = shared.entry(mail + orderSuffix)
		}
	}
	for n, text := range []func() []byte{
		func() []byte { return nil },
		func() []byte { return old },
		func() []byte { return []byte(strings.Replace(string(old), "/my-order/", "/my-order/unknown-", 1)) },
	} {
		shared.put(mail+orderSuffix, text())
		b.table.mu.Lock()
		e.obtained, e.renewal = time.Time{}, renewal{acme.RenewalInfo{SelectedTime: time.Now()}, time.Now().Add(time.Hour)}
		b.table.mu.Unlock()
		if err := b.order(e); err != nil {
			t.Fatal(b.describe(err, e))
		}
		if got := orders.Load(); got != int32(n+1) || shared.entry(mail+orderSuffix) != nil {
			t.Errorf("%d orders, want %d", got, n+1)
		}
	}
}
