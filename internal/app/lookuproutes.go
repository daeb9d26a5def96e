package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/lookup"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy"
)

// The servers of a listener that are remembered with their state. A hostile lookup may
// name any number of them, and a server that the lookup names no longer is not reported
// as down for ever.
const (
	maxLookedUp  = 256
	lookedUpTime = 15 * time.Minute // since the last login
)

// lookedUp is a server that the lookup has named by its address.
type lookedUp struct {
	*upstream.Pool
	used time.Time
}

// lookupRoutes find the backends of a listener's users by a lookup.
type lookupRoutes struct {
	service  Service
	client   *lookup.Client
	backends *pools
	backTLS  tlspolicy.BackendTLS // of the listener's backend

	mu    sync.Mutex
	named map[string]*upstream.Pool // of the configuration
	pools map[netip.AddrPort]lookedUp
}

func newLookupRoutes(s Service, backends *pools, m *maintenance) (*lookupRoutes, error) {
	client, err := m.lookupClient(s.lookup)
	if err != nil {
		return nil, err
	}
	backTLS, _, err := backendTLS(s.reach(s.backend))
	return &lookupRoutes{
		service: s, client: client, backends: backends, backTLS: backTLS,
		named: map[string]*upstream.Pool{}, pools: map[netip.AddrPort]lookedUp{},
	}, err
}

// Find implements proxy.Routes.
func (r *lookupRoutes) Find(ctx context.Context, l proxy.Login) (proxy.Route, error) {
	answer, err := r.client.Ask(ctx, r.query(l))
	if err != nil {
		return proxy.Route{}, gate.LookupFailed(err)
	}
	if answer.Refused() {
		refusal := gate.NewRefusal(l.Claim.User, answer.Code, answer.Refusal)
		refusal.Wait, refusal.Ends = answer.Wait, answer.Wait == 0
		return proxy.Route{}, refusal
	}
	pool, err := r.poolOf(answer)
	if err != nil {
		r.client.Unusable(ctx, err)
		return proxy.Route{}, gate.LookupFailed(err)
	}
	return proxy.Route{Pool: pool, Credentials: gate.Credentials{User: answer.User, Password: answer.Password}}, nil
}

func (r *lookupRoutes) query(l proxy.Login) lookup.Query {
	return lookup.Query{
		Protocol: r.service.Protocol, Mechanism: l.Mechanism, User: l.Mailbox, Owner: l.Claim.User, Password: l.Password,
		Attempt: l.Attempt, Client: l.Session.Client.Addr(), HostName: l.HostName, Hello: l.Hello,
		TLS: l.Session.TLS, Verify: r.verified(l.Session.ClientCertificate),
	}
}

// verified returns nginx's words for a client's certificate; empty: none was requested.
func (r *lookupRoutes) verified(c *observe.ClientCertificate) string {
	switch {
	case !r.service.tls.clients.ask:
		return ""
	case c == nil:
		return "NONE"
	case c.Err != nil:
		return "FAILED:" + c.Err.Error()
	}
	return "SUCCESS"
}

// poolOf returns the pool of an answer.
func (r *lookupRoutes) poolOf(a lookup.Answer) (*upstream.Pool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Name != "" {
		return r.namedPool(a.Name)
	}
	now := time.Now()
	pool := r.pools[a.Address].Pool
	if pool == nil {
		if err := r.service.lookup.check(a.Address); err != nil {
			return nil, fmt.Errorf("%w: %w", errLookedUp, err)
		}
		r.forget(now)
		b := r.service.lookup.reachAddress(a.Address.String())
		pool = r.backends.create(b, r.backTLS, r.service)
		pool.Health = 0 // checks would go on for as long as the configuration is in force
	}
	r.pools[a.Address] = lookedUp{pool, now}
	return pool, nil
}

// forget removes the servers that were not used lately, and if there are still too many,
// the one that was used least recently. The caller holds mu.
func (r *lookupRoutes) forget(now time.Time) {
	maps.DeleteFunc(r.pools, func(_ netip.AddrPort, p lookedUp) bool { return now.Sub(p.used) > lookedUpTime })
	if len(r.pools) < maxLookedUp {
		return
	}
	oldest := slices.MinFunc(slices.Collect(maps.Keys(r.pools)), func(a, b netip.AddrPort) int { return r.pools[a].used.Compare(r.pools[b].used) })
	delete(r.pools, oldest)
}

// namedPool returns the pool of one of the backends; the caller holds mu. The first call
// reads the file of its CA.
func (r *lookupRoutes) namedPool(name string) (*upstream.Pool, error) {
	if pool := r.named[name]; pool != nil {
		return pool, nil
	}
	pool, err := r.backends.get(name, r.service)
	if err == nil {
		r.named[name] = pool
	}
	return pool, err
}

var errLookedUp = errors.New("the lookup names a server that is not used")

// Pools implements proxy.Routes. It lists the servers that the lookup has named lately.
func (r *lookupRoutes) Pools() []*upstream.Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*upstream.Pool
	for _, name := range slices.Sorted(maps.Keys(r.named)) {
		all = append(all, r.named[name])
	}
	now := time.Now()
	for _, address := range slices.SortedFunc(maps.Keys(r.pools), netip.AddrPort.Compare) {
		if p := r.pools[address]; now.Sub(p.used) <= lookedUpTime {
			all = append(all, p.Pool)
		}
	}
	return all
}
