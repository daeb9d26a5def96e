package timeline

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// Counts hold the numbers of events in a part of a span.
type Counts struct {
	Sessions         uint64 `json:"sessions,omitempty"` // that began
	TLS13            uint64 `json:"tls13,omitempty"`    // handshakes
	TLS12            uint64 `json:"tls12,omitempty"`
	OldTLS           uint64 `json:"old_tls,omitempty"`   // TLS 1.0 and 1.1
	Plaintext        uint64 `json:"plaintext,omitempty"` // sessions that ended without TLS
	FailedHandshakes uint64 `json:"failed_handshakes,omitempty"`
	FailedLogins     uint64 `json:"failed_logins,omitempty"` // refused by the backend or by the proxy
}

// Add adds other counts.
func (c *Counts) Add(other Counts) {
	c.Sessions += other.Sessions
	c.TLS13 += other.TLS13
	c.TLS12 += other.TLS12
	c.OldTLS += other.OldTLS
	c.Plaintext += other.Plaintext
	c.FailedHandshakes += other.FailedHandshakes
	c.FailedLogins += other.FailedLogins
}

// Span is a time up to now, in equal parts.
type Span struct {
	Name  string
	Step  time.Duration
	Parts int
}

// Spans lists the spans of a Timeline.
func Spans() []Span {
	return []Span{{"hour", time.Minute, 60}, {"day", 15 * time.Minute, 96}, {"week", time.Hour, 168}}
}

// part holds the counts from a time on. One whose start is not that of its place in
// the ring is out of date.
type part struct {
	Start int64 `json:"start"` // in Unix seconds
	Counts
}

// ring holds the parts of a span, each at its place.
type ring struct {
	step  int64 // seconds
	parts []part
}

// at returns the part of a time, which it begins anew if it is out of date.
func (r ring) at(now int64) *part {
	start := now - now%r.step
	p := r.place(start)
	if p.Start != start {
		*p = part{Start: start}
	}
	return p
}

func (r ring) place(start int64) *part { return &r.parts[start/r.step%int64(len(r.parts))] }

// Timeline is the observe.Observer that counts. Its methods may be called from any
// goroutine.
type Timeline struct {
	observe.None

	changed atomic.Bool // since the last Save

	mu    sync.Mutex
	rings []ring
}

var _ observe.Observer = (*Timeline)(nil)

// New returns a Timeline without any events.
func New() *Timeline {
	t := &Timeline{}
	for _, s := range Spans() {
		t.rings = append(t.rings, ring{int64(s.Step / time.Second), make([]part, s.Parts)})
	}
	return t
}

// count adds to the present counts of all spans.
func (t *Timeline) count(c Counts) {
	now := time.Now().Unix()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rings {
		r.at(now).Add(c)
	}
	t.changed.Store(true)
}

// Parts returns the counts of a span of Spans, the oldest first. The last part has
// only begun.
func (t *Timeline) Parts(span int, now time.Time) []Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rings[span]
	last := now.Unix() - now.Unix()%r.step
	all := make([]Counts, len(r.parts))
	for i := range all {
		start := last - int64(len(all)-1-i)*r.step
		if start < 0 {
			continue
		}
		if p := r.place(start); p.Start == start {
			all[i] = p.Counts
		}
	}
	return all
}

// Opened counts a session.
func (t *Timeline) Opened(*observe.Session) { t.count(Counts{Sessions: 1}) }

// TLSEstablished counts a handshake by its version.
func (t *Timeline) TLSEstablished(s *observe.Session) {
	switch s.TLS.Version {
	case tls.VersionTLS13:
		t.count(Counts{TLS13: 1})
	case tls.VersionTLS12:
		t.count(Counts{TLS12: 1})
	default:
		t.count(Counts{OldTLS: 1})
	}
}

// HandshakeFailed counts a failed handshake.
func (t *Timeline) HandshakeFailed(*observe.Session, observe.Offer, error) {
	t.count(Counts{FailedHandshakes: 1})
}

// Login counts a login that the backend has refused.
func (t *Timeline) Login(_ *observe.Session, _, _ string, a gate.Answer) {
	if !a.OK() {
		t.count(Counts{FailedLogins: 1})
	}
}

// Denied counts a login that the proxy has refused.
func (t *Timeline) Denied(*observe.Session, string, string, error) {
	t.count(Counts{FailedLogins: 1})
}

// Closed counts a session without TLS, unless the client has sent nothing.
func (t *Timeline) Closed(s *observe.Session, end observe.Summary) {
	if s.TLS == nil && !end.Silent(s) {
		t.count(Counts{Plaintext: 1})
	}
}
