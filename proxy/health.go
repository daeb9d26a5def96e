package proxy

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/letterlock/letterlock/internal/gate"
)

// Checks are rare, as each leaves a line in the backend's log: none where
// sessions have told as much since the last one, and fewer the longer an
// address has been down.
const (
	longestBackoff = 8  // times Health, for an address that stays down
	jitter         = 10 // a pause varies by a tenth, so that checks spread
)

// pause is the time to the next check.
func (p *Pool) pause(failures int) time.Duration {
	factor := min(1<<min(max(failures-1, 0), 16), longestBackoff)
	pause := p.Health * time.Duration(factor)
	if spread := int64(pause / jitter); spread > 0 {
		pause += time.Duration(rand.Int64N(2*spread) - spread) //nolint:gosec // spreads load, guards nothing
	}
	return pause
}

// lookAfter has a pool checked for as long as the generation is the present
// one, where that is worth it.
func (s *Server) lookAfter(g *Generation, p *Pool) {
	if !p.checked() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.checked[p] && g.present.Err() == nil {
		g.checked[p] = true
		s.running.Go(func() { s.watch(g, p) })
	}
}

// watch checks a pool's addresses.
func (s *Server) watch(g *Generation, p *Pool) {
	for {
		wait := time.NewTimer(time.Until(p.nextDue()))
		select {
		case <-g.present.Done():
			wait.Stop()
			return
		case <-p.hurry:
			wait.Stop()
		case <-wait.C:
		}
		for _, m := range p.dueNow() {
			err := s.check(g, p, m)
			if g.present.Err() != nil {
				return // which may be why it has failed
			}
			s.heard(p, m, err)
		}
	}
}

// checked reports whether a pool is worth a check: where there is no choice
// nothing depends on it.
func (p *Pool) checked() bool {
	return p.Health > 0 && p.Probe != nil && len(p.Addresses) > 1
}

// nextDue is when the first member is to be checked.
func (p *Pool) nextDue() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := time.Now().Add(p.Health)
	for _, m := range p.all() {
		if m.due.IsZero() {
			m.due = time.Now().Add(p.pause(0))
		}
		if m.due.Before(next) {
			next = m.due
		}
	}
	return next
}

// dueNow lists the members to check.
func (p *Pool) dueNow() (due []*member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, m := range p.all() {
		if !m.due.After(now) {
			due = append(due, m)
		}
	}
	return due
}

// check speaks to a member as a session would, and says goodbye.
func (s *Server) check(g *Generation, p *Pool, m *member) error {
	deadline := time.Now().Add(g.Timeouts.Dial)
	conn, err := dialAddress(g.present, p.dialer(deadline), m.address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(g.present, func() { _ = conn.Close() })()
	back := backendConn(g.present, g.Timeouts, conn, m, deadline)
	defer back.Abort()
	if err := ownHeader(conn, p.Header); err != nil {
		return err
	}
	if err := p.begin(back); err != nil {
		return err
	}
	return p.Probe(back)
}

// ownHeader is the PROXY header of a connection that is for no client.
func ownHeader(conn net.Conn, version byte) error {
	if version == 0 {
		return nil
	}
	h := proxyproto.Header{Version: version, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	_, err := h.WriteTo(conn)
	return err
}

// tried keeps what a session tells of a member's health: that it is well, or that
// it fails whoever the client is. A refusal of the client tells nothing, and
// neither does what may be about the client: a connection from its own address
// that does not come about, or one that a backend ends that knows who the client
// is. A refusal of us may be over in a moment. Where checks can tell, one is made
// soon.
func (s *Server) tried(p *Pool, m *member, h Handover, err error) {
	switch why := gate.ReasonOf(err); {
	case why == gate.ClientRefused:
	case why == gate.BackendRefused && p.checked(), h.Transparent && err != nil, mayBeAboutClient(h, err):
		p.doubt(m)
	default:
		s.heard(p, m, err)
	}
}

// mayBeAboutClient reports whether a backend that knows who the client is has
// closed the connection without a word.
func mayBeAboutClient(h Handover, err error) bool {
	end, ok := errors.AsType[*gate.End](err)
	if !ok || !end.Known && h.Header == 0 || end.Reason == gate.BackendDown {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// heard keeps how a member has answered, and logs what is news. What fails
// because we are stopping says nothing about the member.
func (s *Server) heard(p *Pool, m *member, err error) {
	if err != nil && s.dialling.Err() != nil {
		return
	}
	if !p.report(m, err) || len(p.Addresses) < 2 {
		return
	}
	if err != nil {
		s.Log.Warn("backend is down", "backend", p.String(), "address", m.address, "error", err)
		return
	}
	s.Log.Info("backend is up again", "backend", p.String(), "address", m.address)
}
