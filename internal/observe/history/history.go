package history

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// The bounds of the memory, which is some megabytes when all are reached.
const (
	maxEndings  = 1024 // in each of the two rings
	maxShare    = 32   // of one client without a login, in its ring
	maxRefusals = 8    // of one session: the last
	maxOpen     = 4096 // open sessions with refusals
)

// History is the observe.Observer that keeps the endings. Its methods may be called
// from any goroutine.
type History struct {
	observe.None

	mu       sync.Mutex
	refusals map[string][]Refusal // of open sessions, by id
	users    ring                 // sessions with an accepted login or message
	others   ring
	shares   map[netip.Addr]int // the number of endings in others, by client
}

var _ observe.Observer = (*History)(nil)

// New returns an empty History.
func New() *History {
	return &History{refusals: map[string][]Refusal{}, shares: map[netip.Addr]int{}}
}

// Endings returns the sessions that have ended, the newest first.
func (h *History) Endings() []Ending {
	h.mu.Lock()
	all := slices.Concat(h.users.kept, h.others.kept)
	h.mu.Unlock()
	slices.Reverse(all) // of two at the same time, the later one is the newer
	slices.SortStableFunc(all, func(a, b Ending) int { return b.Ended.Compare(a.Ended) })
	return all
}

// Refusals returns what was refused in an open session so far, the oldest first.
func (h *History) Refusals(id string) []Refusal {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.refusals[id])
}

// refuse adds a refusal to an open session.
func (h *History) refuse(s *observe.Session, r Refusal) {
	r.At = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	all, known := h.refusals[s.ID]
	switch {
	case !known && len(h.refusals) >= maxOpen:
		return
	case len(all) == maxRefusals:
		all = slices.Delete(all, 0, 1)
	}
	h.refusals[s.ID] = append(all, r)
}

// HandshakeFailed keeps the error and the client's offer.
func (h *History) HandshakeFailed(s *observe.Session, offer observe.Offer, err error) {
	h.refuse(s, Refusal{Kind: Handshake, Class: observe.FailureOf(err), Text: textOf(err), Offered: offer.Sum(), ServerName: short(offer.ServerName)})
}

// LoginRefused keeps a command that was refused because it needs TLS.
func (h *History) LoginRefused(s *observe.Session, command string) {
	h.refuse(s, Refusal{Kind: BeforeTLS, Class: short(command)})
}

// Login keeps a login that the backend has refused.
func (h *History) Login(s *observe.Session, user, mechanism string, a gate.Answer) {
	if !a.OK() {
		h.refuse(s, Refusal{Kind: Login, Class: a.String(), User: short(user), Mechanism: short(mechanism), Text: short(a.Code)})
	}
}

// Denied keeps a login that the proxy has refused.
func (h *History) Denied(s *observe.Session, user, mechanism string, why error) {
	h.refuse(s, Refusal{Kind: Denied, User: short(user), Mechanism: short(mechanism), Text: textOf(why)})
}

// Rejected keeps the reply to a refused sender or recipient.
func (h *History) Rejected(s *observe.Session, r gate.Rejection) {
	h.refuse(s, Refusal{Kind: Address, Class: r.Command, Text: short(r.Reply)})
}

// Message keeps a message that was not accepted.
func (h *History) Message(s *observe.Session, m gate.Message) {
	if !m.Accepted() {
		h.refuse(s, Refusal{Kind: Message, Class: m.Outcome(), Text: short(m.Reply) + textOf(m.Err)})
	}
}

// Closed moves a session to the endings. A connection without a byte, such as a load
// balancer's check, is not kept.
func (h *History) Closed(s *observe.Session, end observe.Summary) {
	if end.Silent(s) {
		return
	}
	ending := endingOf(s, end, time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	ending.Refusals = h.refusals[s.ID]
	delete(h.refusals, s.ID)
	if s.Settled {
		h.users.add(ending)
		return
	}
	h.addOther(ending)
}

// addOther adds an ending without a login. It replaces the oldest of its client, if
// that has its share.
func (h *History) addOther(e Ending) {
	if h.shares[e.client] >= maxShare {
		h.others.replaceOldest(e.client, e)
		return
	}
	h.shares[e.client]++
	if lost, full := h.others.add(e); full {
		h.leave(lost.client)
	}
}

func (h *History) leave(client netip.Addr) {
	if h.shares[client]--; h.shares[client] <= 0 {
		delete(h.shares, client)
	}
}
