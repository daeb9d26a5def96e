package page

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// Options say what a Status shows beside the events.
type Options struct {
	Version string // of the program; may be empty

	// These are asked anew each time, so that what has been reloaded is seen. They
	// may be nil.
	Hostname     func() string // the proxy's own name
	Listeners    func() []Listener
	Certificates func() []CertificateInfo
	Files        func() []File
	Outbound     func() *Outbound // what smarthosts have done
	Log          func() loghandler.Counts
}

// Status is the observe.Observer that counts. Its methods may be called from any
// goroutine and wait for nothing but each other.
type Status struct {
	options Options
	started time.Time

	mu     sync.Mutex
	counts counts
	open   map[string]*session // by id; at most maxKept
	recent ring
}

// New returns a Status that has seen nothing yet.
func New(o Options) *Status {
	if o.Hostname == nil {
		o.Hostname = func() string { return "" }
	}
	if o.Listeners == nil {
		o.Listeners = func() []Listener { return nil }
	}
	if o.Log == nil {
		o.Log = func() loghandler.Counts { return loghandler.Counts{} }
	}
	if o.Outbound == nil {
		o.Outbound = func() *Outbound { return nil }
	}
	if o.Files == nil {
		o.Files = func() []File { return nil }
	}
	if o.Certificates == nil {
		o.Certificates = func() []CertificateInfo { return nil }
	}
	return &Status{options: o, started: time.Now(), counts: newCounts(), open: make(map[string]*session)}
}

var _ observe.Observer = (*Status)(nil)

// Opened counts the session, and lists it if there is room.
func (s *Status) Opened(info *observe.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.opened[info.Listener.Service]++
	s.counts.open[info.Listener.Service]++
	if len(s.open) < maxKept {
		s.open[info.ID] = newSession(info)
	}
}

// TLSEstablished counts what was negotiated.
func (s *Status) TLSEstablished(info *observe.Session) {
	p := parametersOf(info.TLS)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.handshakes[handshake{info.Listener.Service, p}]++
	if info.Exception != "" {
		s.counts.exceptions[exceptionUse{info.Listener.Service, info.Exception, info.ExceptionNeeded}]++
	}
	if info.TLS.DidResume {
		s.counts.resumed[info.Listener.Service]++
	}
	if kept := s.open[info.ID]; kept != nil {
		kept.parameters = p
	}
}

// HandshakeFailed counts why no TLS came about.
func (s *Status) HandshakeFailed(info *observe.Session, _ observe.Offer, err error) {
	class := observe.FailureOf(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.failures[failed{info.Listener.Service, class}]++
}

// LoginRefused counts commands that were refused because they need TLS.
func (s *Status) LoginRefused(info *observe.Session, command string) {
	command = oneOf(commands, command)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.refused[refusal{info.Listener.Service, command}]++
}

// Login counts the backend's verdict.
func (s *Status) Login(info *observe.Session, _, mechanism string, a gate.Answer) {
	mechanism, user := oneOf(mechanisms, mechanism), clean(info.User, maxName)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.logins[login{info.Listener.Service, mechanism, a.Outcome}]++
	if kept := s.open[info.ID]; kept != nil {
		kept.user = user
	}
}

// Closed counts how the session ended and remembers it for a while.
func (s *Status) Closed(info *observe.Session, end observe.Summary) {
	ended := newSession(info)
	ended.end = &ending{time.Now(), end.Reason, uint64(max(end.Received, 0)), uint64(max(end.Sent, 0))}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, info.ID)
	s.counts.close(ended)
	if end.Silent(info) {
		s.counts.silent[info.Listener.Service]++
	}
	s.recent.add(ended)
}

// Denied counts the logins that the proxy itself has refused.
func (s *Status) Denied(info *observe.Session, _, _ string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.denied[info.Listener.Service]++
}

// Rejected counts senders and recipients that were refused.
func (s *Status) Rejected(info *observe.Session, r gate.Rejection) {
	by := "backend"
	if r.Ours {
		by = "letterlock"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.rejections[rejection{info.Listener.Service, oneOf(commands, r.Command), by}]++
}

// Message counts what has become of a message.
func (s *Status) Message(info *observe.Session, m gate.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.messages[mail{info.Listener.Service, m.Outcome()}]++
}

// ConnectionRejected counts the connections that were closed at a limit.
func (s *Status) ConnectionRejected(listener *observe.Listener, _ netip.AddrPort, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.rejected[listener.Service]++
}

// HeaderFailed counts the connections of load balancers without a header, and
// apart from them those that were closed without a byte.
func (s *Status) HeaderFailed(listener *observe.Listener, _ netip.AddrPort, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, observe.ErrSilent) {
		s.counts.silent[listener.Service]++
		return
	}
	s.counts.headerless[listener.Service]++
}
