package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// ticketChain is the chain of ticket secrets of a cluster. The first instance makes it;
// all others adopt the chain in the store. Without the store each instance goes on with
// the chain that it has, whose later keys the others know too.
type ticketChain struct {
	log *slog.Logger

	mu        sync.Mutex
	chain     tickets.Chain
	exchanged bool // with the store
}

func newTicketChain(log *slog.Logger) *ticketChain {
	return &ticketChain{log: log, chain: tickets.NewChain(time.Now())}
}

// chainName is the name of the chain in the store.
var chainName = cluster.Name{Kind: "tickets", ID: "chain"}

const (
	chainTime    = 30 * time.Second // between two exchanges
	chainLife    = 30 * 24 * time.Hour
	chainVersion = 1
)

// storedChain is the form of a chain in the store.
type storedChain struct {
	Version int `json:"version"`
	tickets.Chain
}

// exchange adopts the chain in the store, or writes the instance's own chain if the
// store has none that can be used. It replaces a state from an earlier turn, so that the
// store does not hold the secrets of tickets that are no longer accepted.
func (t *ticketChain) exchange(ctx context.Context, store *cluster.Store) {
	now := store.Now()
	err := store.Update(ctx, chainName, chainLife, func(value []byte) []byte {
		var stored storedChain
		if value != nil && json.Unmarshal(value, &stored) == nil {
			if stored.Version > chainVersion {
				return nil // of a newer program, which this one must not change
			}
			if at, err := stored.At(now); err == nil {
				t.adopt(at, now)
				if at.Turn == stored.Turn {
					return nil
				}
			}
		}
		own, err := t.get().At(now)
		if err != nil {
			own = tickets.NewChain(now)
			t.adopt(own, now)
		}
		text, err := json.Marshal(storedChain{chainVersion, own})
		if err != nil {
			return nil
		}
		return text
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.log.Debug("cluster: session tickets", "error", err)
		return
	}
	t.exchanged = true
}

// offer adopts the chain of the process that this one replaces, if the store could not be
// asked yet.
func (t *ticketChain) offer(c tickets.Chain, now time.Time) {
	at, err := c.At(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil && !t.exchanged {
		t.chain = at
	}
}

func (t *ticketChain) adopt(c tickets.Chain, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.chain.Same(c, now) {
		t.log.Info("cluster: the keys of session tickets are those of the other instances")
	}
	t.chain = c
}

func (t *ticketChain) get() tickets.Chain {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chain
}

// followChain gives the ring the keys of the cluster, if they have changed.
func (m *maintenance) followChain(now time.Time) {
	if m.chain == nil {
		return
	}
	err := m.ring.Follow(m.chain.get(), now)
	if err != nil && !m.chainFailed {
		m.log.Error("session tickets", "error", err, "remedy", "compare the clock of this machine with the clock of the store")
	}
	m.chainFailed = err != nil
}
