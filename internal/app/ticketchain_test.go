package app

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/test/redis"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// newStore connects to a server.
func newStore(t *testing.T, server *miniredis.Miniredis) *cluster.Store {
	t.Helper()
	key := []byte(strings.Repeat("k", cluster.KeySize))
	store, err := cluster.New(cluster.Options{Addresses: []string{server.Addr()}, Key: key, Prefix: "p", Instance: "one", Log: slog.New(slog.DiscardHandler), SessionTime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	store.Start()
	t.Cleanup(store.Close)
	wait.Until(t, "the store is down", store.Up)
	return store
}

func storedIn(t *testing.T, store *cluster.Store) (s storedChain) {
	t.Helper()
	values, err := store.Get(t.Context(), chainName)
	if err == nil && values[0] != nil {
		err = json.Unmarshal(values[0], &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The store holds the present state only: an earlier one is replaced, and with it the
// secrets of old tickets are gone.
func TestTheChainInTheStoreAdvances(t *testing.T) {
	t.Parallel()
	store := newStore(t, redis.Run(t))
	now := store.Now()
	old := tickets.NewChain(now.Add(-3 * tickets.Turn))
	text, _ := json.Marshal(storedChain{chainVersion, old})
	if err := store.Set(t.Context(), chainName, text, time.Hour); err != nil {
		t.Fatal(err)
	}
	own := newTicketChain(slog.New(slog.DiscardHandler))
	own.exchange(t.Context(), store)
	present, _ := old.At(now)
	if got := storedIn(t, store); got.Turn != present.Turn || !got.Same(old, now) || !own.get().Same(old, now) {
		t.Errorf("the store has the state of turn %d, not %d", got.Turn, present.Turn)
	}
}

// A store that was wiped gets the chain again from any instance, and a chain that cannot
// be used is replaced. A chain of a newer program stays as it is.
func TestTheChainReturns(t *testing.T) {
	t.Parallel()
	server := redis.Run(t)
	store := newStore(t, server)
	own := newTicketChain(slog.New(slog.DiscardHandler))
	for name, text := range map[string]string{
		"nothing": "", "garbage": "{", "no secret": `{"version":1,"turn":1}`, "the far future": `{"version":1,"turn":999999999}`,
	} {
		server.FlushAll()
		if text != "" {
			if err := store.Set(t.Context(), chainName, []byte(text), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		own.exchange(t.Context(), store)
		if got := storedIn(t, store); !got.Same(own.get(), store.Now()) {
			t.Errorf("after %s the store has %d", name, got.Turn)
		}
	}
	if err := store.Set(t.Context(), chainName, []byte(`{"version":2,"other":"form"}`), time.Hour); err != nil {
		t.Fatal(err)
	}
	before := own.get()
	own.exchange(t.Context(), store)
	if storedIn(t, store).Version != 2 || !own.get().Same(before, store.Now()) {
		t.Error("an older program changes the chain of a newer one")
	}
}

// The process that replaces another goes on with its chain while the store is away.
func TestTheChainIsPassedOn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	before, after := newTicketChain(slog.New(slog.DiscardHandler)), newTicketChain(slog.New(slog.DiscardHandler))
	after.offer(before.get(), now)
	if !after.get().Same(before.get(), now) {
		t.Error("the chain is not used")
	}
	after.exchanged = true
	own := after.get()
	after.offer(tickets.NewChain(now), now)
	after.offer(tickets.Chain{}, now)
	if !after.get().Same(own, now) {
		t.Error("the chain replaces the one of the cluster")
	}
}
