package proxy

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

// Pool is the legacy server behind a listener: one address, or several that
// hold the same mail. It must not be copied once it is in use.
type Pool struct {
	Name      string   // for the log; empty: its addresses
	Addresses []string // host:port, [v6]:port or unix:/path
	ByClient  bool     // a client comes to the same address again; otherwise the one with the fewest sessions is taken
	Public    bool     // a plaintext leg through public address space is accepted

	// TLS is the configuration for a host; nil is plaintext. With StartTLS it
	// begins with a command, and without it with the first byte.
	TLS      func(host string) *tls.Config
	StartTLS bool

	// Health is the time between two checks of one address; zero is none, and
	// a pool of one address has none. Probe is a check: it hears a greeting
	// and says goodbye. Header is the version of the PROXY header that comes
	// before it; 0 is none.
	Health time.Duration
	Probe  func(back *wire.Conn) error
	Header byte

	mu      sync.Mutex
	members []*member     // as Addresses has them; made when they are first needed
	hurry   chan struct{} // has a value when a check is due before its time
}

// member is one address of a pool.
type member struct {
	address string
	tls     *tls.Config // nil: plaintext

	// Guarded by the pool's mu.
	sessions int
	down     bool
	reason   error     // why it is down
	changed  time.Time // when it went down or came back
	due      time.Time // when it is to be checked
	answered time.Time // when it was last known how it is
	failures int       // in a row
}

// MemberState is what is known of one address.
type MemberState struct {
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

// State tells how the pool's addresses are.
func (p *Pool) State() []MemberState {
	p.mu.Lock()
	defer p.mu.Unlock()
	var states []MemberState
	for _, m := range p.all() {
		states = append(states, MemberState{m.address, m.sessions, m.reason, m.changed})
	}
	return states
}

// all are the members; the caller holds mu.
func (p *Pool) all() []*member {
	if p.members == nil {
		p.hurry = make(chan struct{}, 1)
		for _, address := range p.Addresses {
			m := &member{address: address}
			if p.TLS != nil {
				m.tls = p.TLS(hostOf(address))
			}
			p.members = append(p.members, m)
		}
	}
	return p.members
}

// hostOf is the host in an address; a socket has none.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

// order lists the members as they are to be tried for a client: those that are
// up, by the pool's rule, and then the others, for there is nothing to lose.
func (p *Pool) order(client netip.Addr) []*member {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.all())
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // spreads load, guards nothing
	slices.SortStableFunc(list, func(a, b *member) int {
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
// an order of its own, the same in every process, and when an address goes
// only its own clients move.
func affinity(client netip.Addr, address string) uint64 {
	sum := sha256.Sum256([]byte(limit.Client(client).String() + " " + address))
	return binary.BigEndian.Uint64(sum[:])
}

// enter counts a session at a member until leave is called.
func (p *Pool) enter(m *member) (leave func()) {
	p.count(m, 1)
	return func() { p.count(m, -1) }
}

func (p *Pool) count(m *member, n int) {
	p.mu.Lock()
	m.sessions += n
	p.mu.Unlock()
}

// report keeps how a member has just answered; nil is well. It tells whether
// that is news.
func (p *Pool) report(m *member, err error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if err == nil {
		m.failures = 0
	} else {
		m.failures++
	}
	news = m.down != (err != nil)
	if news {
		m.changed = now
	}
	m.down, m.reason, m.answered = err != nil, err, now
	m.due = now.Add(p.pause(m.failures))
	return news
}

// soonest is the least time between two checks that sessions ask for: what
// clients cause must not fill the backend's log.
const soonest = 5 * time.Second

// doubt has a member checked soon, as something is wrong with it or with the
// client that has just come to it.
func (p *Pool) doubt(m *member) {
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
