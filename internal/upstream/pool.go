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

// Pool is the backend of a listener: one address, or several that hold the same
// mail. It must not be copied once it is in use.
type Pool struct {
	Name      string   // for the log; empty: its addresses
	Addresses []string // host:port, [v6]:port or unix:/path
	ByClient  bool     // a client always gets the same address; otherwise the address with the fewest sessions
	Public    bool     // plaintext through public address space is accepted

	// TLS returns the configuration for a host; nil is plaintext. With StartTLS
	// it begins with a command, and without it with the first byte.
	TLS      func(host string) *tls.Config
	StartTLS bool

	// Health is the time between two checks of one address; zero is none, and
	// a pool of one address has none. Probe is a check: it reads the greeting
	// and says goodbye. Header is the version of the PROXY header that comes
	// before it; 0 is none.
	Health time.Duration
	Probe  func(back *wire.Stream) error
	Header byte

	mu      sync.Mutex
	members []*Member     // as Addresses has them; made when they are first needed
	hurry   chan struct{} // has a value when a check is due before its time
}

// Member is one address of a pool.
type Member struct {
	address string
	tls     *tls.Config // nil: plaintext

	// Guarded by the pool's mu.
	sessions int
	down     bool
	reason   error     // why it is down
	changed  time.Time // when it went down or came back
	due      time.Time // when it is to be checked
	answered time.Time // when its state was last learned
	failures int       // in a row
}

// Address returns the address as the configuration has it.
func (m *Member) Address() string { return m.address }

// TLS returns the configuration for TLS to the member; nil is plaintext.
func (m *Member) TLS() *tls.Config { return m.tls }

// State is what is known of one address.
type State struct {
	Address  string
	Sessions int
	Down     error // nil: it is up, as far as is known
	Since    time.Time
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
		states = append(states, State{m.address, m.sessions, m.reason, m.changed})
	}
	return states
}

// IsDown reports whether all of the pool is known to be down.
func (p *Pool) IsDown() bool {
	return !slices.ContainsFunc(p.State(), func(s State) bool { return s.Down == nil })
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
// first those that are up, by the pool's rule, then the others, as there is
// nothing to lose.
func (p *Pool) Order(client netip.Addr) []*Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.all())
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
// its own order, the same in every process, and when an address fails only the
// clients that it served change to another.
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

// update stores the result of the latest attempt to reach a member; nil is
// success. It reports whether the member went down or came back.
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
	m.due = now.Add(p.pause(m.failures))
	return changed
}

// soonest is the shortest time between two checks that sessions ask for: clients
// must not be able to fill the backend's log.
const soonest = 5 * time.Second

// checkSoon schedules a check of a member: a session has failed, because of the
// member or because of its client.
func (p *Pool) checkSoon(m *Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if due := m.answered.Add(min(soonest, p.Health)); m.due.IsZero() || due.Before(m.due) {
		m.due = due
		select {
		case p.hurry <- struct{}{}:
		default:
		}
	}
}
