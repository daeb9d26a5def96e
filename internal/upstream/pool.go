package upstream

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// Pool is the backend of a listener: one address, or several with the same
// mailboxes. It must not be copied once it is in use.
type Pool struct {
	Name      string   // for the log; empty: its addresses
	Addresses []string // host:port, [v6]:port or unix:/path
	ByClient  bool     // a client always gets the same address; otherwise the address with the fewest sessions
	Public    bool     // plaintext to public addresses is permitted

	// TLS returns the configuration for a host; nil: plaintext. With StartTLS,
	// TLS begins with a command, otherwise it is implicit.
	TLS      func(host string) *tls.Config
	StartTLS bool

	// Health is the time between two checks of one address; zero: no checks. A
	// single address is checked only while it is down. Probe is a check: it
	// reads the greeting and ends the session. Header is the version of the
	// PROXY header before it; 0: none.
	Health time.Duration
	Probe  func(back *wire.Stream) error
	Header byte

	Drained *Drained // addresses without new sessions; may be nil

	mu      sync.Mutex
	members []*Member     // in the order of Addresses; created on first use
	hurry   chan struct{} // has a value when a check is due early
}

// Member is one address of a pool.
type Member struct {
	address string
	tls     *tls.Config // nil: plaintext

	// The following fields are guarded by the pool's mu.
	sessions int
	down     bool
	reason   error     // why it is down; nil: up
	changed  time.Time // when it went down or came up again
	due      time.Time // when the next check is due
	answered time.Time // when its state was last confirmed
	failures int       // consecutive failures
}

// Address returns the address as configured.
func (m *Member) Address() string { return m.address }

// TLS returns the configuration for TLS to the member; nil: plaintext.
func (m *Member) TLS() *tls.Config { return m.tls }

// State is the known state of one address.
type State struct {
	Address  string
	Sessions int
	Down     error // nil: up, as far as is known
	Since    time.Time
	Drained  bool // it gets no new sessions
}

// String names the pool in logs.
func (p *Pool) String() string {
	if p.Name != "" {
		return p.Name
	}
	return strings.Join(p.Addresses, ", ")
}

// State returns the states of the pool's addresses, in their order.
func (p *Pool) State() []State {
	p.mu.Lock()
	defer p.mu.Unlock()
	var states []State
	for _, m := range p.all() {
		states = append(states, State{m.address, m.sessions, m.reason, m.changed, p.Drained.Has(m.address)})
	}
	return states
}

// IsDown reports whether all addresses of the pool are known to be down, or are
// drained.
func (p *Pool) IsDown() bool {
	return !slices.ContainsFunc(p.State(), func(s State) bool { return s.Down == nil && !s.Drained })
}

// all returns the members; the caller holds mu.
func (p *Pool) all() []*Member {
	if p.members == nil {
		p.hurry = make(chan struct{}, 1)
		for _, address := range p.Addresses {
			m := &Member{address: address}
			if p.TLS != nil {
				m.tls = p.TLS(hostOf(address))
			}
			p.members = append(p.members, m)
		}
	}
	return p.members
}

// hostOf returns the host of an address; a Unix socket has none.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

// Order lists the members in the order in which a client's session tries them:
// first those that are up, by the pool's rule, then the others, which cost
// nothing to try. Drained members are left out.
func (p *Pool) Order(client netip.Addr) []*Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.all())
	if len(p.Drained.set()) > 0 {
		list = slices.DeleteFunc(list, func(m *Member) bool { return p.Drained.Has(m.address) })
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // spreads load, guards nothing
	slices.SortStableFunc(list, func(a, b *Member) int {
		switch {
		case a.down != b.down && b.down:
			return -1
		case a.down != b.down:
			return 1
		case p.ByClient:
			return cmp.Compare(affinity(client, a.address), affinity(client, b.address))
		}
		return cmp.Compare(a.sessions, b.sessions)
	})
	return list
}

// affinity ranks addresses for a client (rendezvous hashing): each client has
// its own order, the same in every process, and when an address fails only its
// clients change to another.
func affinity(client netip.Addr, address string) uint64 {
	sum := sha256.Sum256([]byte(limit.Client(client).String() + " " + address))
	return binary.BigEndian.Uint64(sum[:])
}

// AddSession counts a session at a member until remove is called.
func (p *Pool) AddSession(m *Member) (remove func()) {
	p.count(m, 1)
	return func() { p.count(m, -1) }
}

func (p *Pool) count(m *Member, n int) {
	p.mu.Lock()
	m.sessions += n
	p.mu.Unlock()
}

// update stores the result of the latest attempt to reach a member; nil:
// success. It reports whether the member went down or came up again.
func (p *Pool) update(m *Member, err error) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if err == nil {
		m.failures = 0
	} else {
		m.failures++
	}
	changed = m.down != (err != nil)
	if changed {
		m.changed = now
	}
	m.down, m.reason, m.answered = err != nil, err, now
	m.due = p.nextCheck(m, now)
	if m.down && p.single() {
		p.wake()
	}
	return changed
}

// nextCheck returns when a member is checked next; zero: not until a session
// fails. The state of a single address changes nothing for sessions. But a proxy
// is not ready while it is down, and may get no sessions that show otherwise, so
// it is checked then, the first time soon. The caller holds mu.
func (p *Pool) nextCheck(m *Member, now time.Time) time.Time {
	switch {
	case !p.single():
		return now.Add(p.pause(m.failures))
	case !m.down:
		return time.Time{}
	case m.failures == 1:
		return now.Add(min(soonest, p.Health))
	}
	return now.Add(p.pause(m.failures))
}

// single reports whether the pool has one address.
func (p *Pool) single() bool { return len(p.Addresses) == 1 }

// wake makes the checks of the pool look at the times again; the caller holds mu.
func (p *Pool) wake() {
	select {
	case p.hurry <- struct{}{}:
	default:
	}
}

// soonest is the minimum time between two checks that sessions ask for: clients
// must not be able to fill the backend's log.
const soonest = 5 * time.Second

// checkSoon schedules a check of a member: a session has failed, because of the
// member or because of its client.
func (p *Pool) checkSoon(m *Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.single() && !m.down {
		return // nothing depends on the result
	}
	if due := m.answered.Add(min(soonest, p.Health)); m.due.IsZero() || due.Before(m.due) {
		m.due = due
		p.wake()
	}
}
