package acme

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Two instances order one certificate with one account. The CA's challenges reach only the
// instance that does not order.
func TestSharedStore(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"http-01": {HTTP: anyPort}, "tls-alpn-01": {TLSALPN: anyPort}} {
		t.Run(name, func(t *testing.T) {
			shared := newBoard()
			a, b := newPair(t, shared, o)
			var orders atomic.Int32
			b.ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/order-plz") {
					orders.Add(1)
				}
				return false
			})
			a.Serve()
			first := a.await(t, 1, anyOne)[0]
			b.Serve()
			if c := b.await(t, 1, anyOne)[0]; !c.Leaf.Equal(first.Leaf) || orders.Load() != 1 {
				t.Errorf("%d orders, the second instance has its own certificate", orders.Load())
			}
			wait.Until(t, "the account is not shared", func() bool {
				return bytes.Equal(entryOf(a.Keeper, accountName), entryOf(b.Keeper, accountName))
			})
			if left := slices.Concat(shared.names(httpSuffix), shared.names(tlsSuffix), shared.names(mail+keySuffix)); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
		})
	}
}

// newPair creates two instances with one CA, whose challenges reach the second one only.
func newPair(t *testing.T, shared *board, o Options) (a, b *bench) {
	t.Helper()
	o.Follow, o.Keys = 20*time.Millisecond, []KeyType{P256}
	o.Shared = shared.member()
	a = newBench(t, o)
	o.Shared = shared.member()
	b = newBench(t, o)
	a.ca.Close()
	a.client.Directory, a.transport.base = b.client.Directory, b.transport.base
	b.start(t, pebble.Options{})
	b.serveChallenges()
	return a, b
}

// entryOf returns an entry of an instance's folder.
func entryOf(k *Keeper, name string) []byte {
	data, _ := k.store.get(context.Background(), name)
	return data
}

// An instance that has followed the account answers HTTP-01 without the shared state. It
// waits for a state that returns within seconds to answer TLS-ALPN-01.
func TestAnswersWithoutTheSharedState(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"http-01": {HTTP: anyPort}, "tls-alpn-01": {TLSALPN: anyPort}} {
		t.Run(name, func(t *testing.T) {
			shared := newBoard()
			a, b := newPair(t, shared, o)
			b.running.Go(b.follow)
			var pull sync.Once
			b.ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/chalZ/") {
					pull.Do(func() {
						shared.pull(true)
						if name == "tls-alpn-01" {
							time.AfterFunc(200*time.Millisecond, func() { shared.pull(false) })
						}
					})
				}
				return false
			})
			if err := a.order(a.entry(P256)); err != nil {
				t.Fatal(a.describe(err, a.entry(P256)))
			}
		})
	}
}

// The entries of other packages are shared too. Without the shared state they are read from
// the folder.
func TestStateIsShared(t *testing.T) {
	t.Parallel()
	shared := newBoard()
	one, two := Options{Dir: t.TempDir(), Shared: shared.member()}.State(), Options{Dir: t.TempDir(), Shared: shared.member()}.State()
	if _, err := one.Get(t.Context(), "name"); !errors.Is(err, autocert.ErrCacheMiss) {
		t.Error(err)
	}
	held, err := one.(Locker).Lock(t.Context(), mail)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Put(t.Context(), "held", []byte("value")); err != nil || string(shared.entry("held")) != "value" {
		t.Errorf("%v, %q", err, shared.entry("held"))
	}
	for i, data := range []string{"first", "second"} {
		shared.pull(i == 1)
		if err := one.Put(t.Context(), "name", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := one.Get(t.Context(), "name"); err != nil || string(got) != data {
			t.Errorf("%q, %v", got, err)
		}
	}
	shared.pull(false)
	shared.expire()
	if err := held.Put(t.Context(), "held", []byte("later")); !errors.Is(err, ErrLost) || string(shared.entry("held")) != "value" {
		t.Errorf("%v, %q", err, shared.entry("held"))
	}
	held.Unlock()
	if got, err := two.Get(t.Context(), "name"); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := two.(sharedState).dir.Get(t.Context(), "name"); err != nil || string(got) != "first" {
		t.Errorf("the copy is %q, %v", got, err)
	}
	if err := two.Delete(t.Context(), "name"); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get(t.Context(), "name"); err == nil {
		t.Errorf("%q is left", got)
	}
}
