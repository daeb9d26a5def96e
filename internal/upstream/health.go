package upstream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
)

// Checks are rare, because each leaves a line in the backend's log: there is
// none if sessions have shown the same since the last one, and an address that
// stays down is checked less and less often.
const (
	longestBackoff = 8  // times Health, for an address that stays down
	jitter         = 10 // a pause varies by a tenth in both directions, so that checks are spread
)

// pause returns the time to the next check.
func (p *Pool) pause(failures int) time.Duration {
	factor := min(1<<min(max(failures-1, 0), 16), longestBackoff)
	pause := p.Health * time.Duration(factor)
	if spread := int64(pause / jitter); spread > 0 {
		pause += time.Duration(rand.Int64N(2*spread) - spread) //nolint:gosec // spreads load, guards nothing
	}
	return pause
}

// Checker checks the pools of one configuration until its context ends.
type Checker struct {
	ctx      context.Context
	timeouts Timeouts
	log      *slog.Logger
	run      func(func())

	mu      sync.Mutex
	checked map[*Pool]bool
}

// NewChecker returns a Checker that checks no pool yet. Run starts a goroutine,
// which ends after ctx.
func NewChecker(ctx context.Context, t Timeouts, log *slog.Logger, run func(func())) *Checker {
	return &Checker{ctx: ctx, timeouts: t, log: log, run: run, checked: make(map[*Pool]bool)}
}

// Check starts the checks of a pool, unless they run already.
func (c *Checker) Check(p *Pool) {
	if !p.checked() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.checked[p] && c.ctx.Err() == nil {
		c.checked[p] = true
		c.run(func() { c.watch(p) })
	}
}

// watch checks a pool's addresses.
func (c *Checker) watch(p *Pool) {
	for {
		wait := time.NewTimer(time.Until(p.nextDue()))
		select {
		case <-c.ctx.Done():
			wait.Stop()
			return
		case <-p.hurry:
			wait.Stop()
		case <-wait.C:
		}
		for _, m := range p.dueNow() {
			err := c.check(p, m)
			if c.ctx.Err() != nil {
				return // the check may have failed because of that
			}
			p.Report(m, err, c.log)
		}
	}
}

// checked reports whether a pool is checked.
func (p *Pool) checked() bool { return p.Health > 0 && p.Probe != nil }

// nextDue returns the time of the next check of any member.
func (p *Pool) nextDue() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := time.Now().Add(p.Health)
	for _, m := range p.all() {
		if m.due.IsZero() && !p.single() {
			m.due = time.Now().Add(p.pause(0))
		}
		if !m.due.IsZero() && m.due.Before(next) {
			next = m.due
		}
	}
	return next
}

// dueNow lists the members to check.
func (p *Pool) dueNow() (due []*Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, m := range p.all() {
		if !m.due.IsZero() && !m.due.After(now) {
			due = append(due, m)
		}
	}
	return due
}

// check connects to a member like a session, and ends the session with a
// goodbye.
func (c *Checker) check(p *Pool, m *Member) error {
	deadline := time.Now().Add(c.timeouts.Dial)
	conn, err := dialAddress(c.ctx, p.dialer(deadline), m.address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(c.ctx, func() { _ = conn.Close() })()
	back := NewConn(c.ctx, c.timeouts, conn, m.tls, deadline)
	defer back.Abort()
	if err := proxyheader.WriteLocal(conn, p.Header); err != nil {
		return err
	}
	if err := p.StartImplicitTLS(back); err != nil {
		return err
	}
	return p.Probe(back.ForGate())
}

// ReportSession stores what a session's attempt to open shows of a member's
// health: success, or a failure that does not depend on the client. A refusal of
// the client shows nothing. Nor does a failure that may depend on the client: a
// connection from the client's own address that is not established, or one that
// is closed by a backend that knows the client's address. A refusal of the proxy
// may be over in a moment, unless the pool has no other member. In these cases the
// member is checked soon, if the pool has checks.
func (p *Pool) ReportSession(m *Member, h Handover, err error, log *slog.Logger) {
	switch why := gate.ReasonOf(err); {
	case why == gate.ClientRefused:
	case why == gate.BackendRefused && p.checked() && !p.single(), h.Transparent && err != nil, mayBeAboutClient(h, err):
		p.checkSoon(m)
	default:
		p.Report(m, err, log)
	}
}

// mayBeAboutClient reports whether a backend that knows the client's address has
// closed the connection without a reply.
func mayBeAboutClient(h Handover, err error) bool {
	end, ok := errors.AsType[*gate.SessionError](err)
	if !ok || !end.Known && h.Header == 0 || end.Reason == gate.BackendDown {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Report stores the result of the latest attempt to reach a member; nil is
// success. It logs when the member goes down or comes back, if the pool has
// others.
func (p *Pool) Report(m *Member, err error, log *slog.Logger) {
	if !p.update(m, err) || len(p.Addresses) < 2 {
		return
	}
	if err != nil {
		log.Warn("backend is down", "backend", p.String(), "address", m.address, "error", err)
		return
	}
	log.Info("backend is up again", "backend", p.String(), "address", m.address)
}

// ReportUnreached stores that a probe at the start could not reach an address.
// The result of a session or a check is newer, and counts instead.
func (p *Pool) ReportUnreached(address string, err error, log *slog.Logger) {
	if m := p.untried(address); m != nil {
		p.Report(m, err, log)
	}
}

// untried returns the member with an address, if nothing is known about it; nil
// otherwise.
func (p *Pool) untried(address string) *Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all() {
		if m.address == address && m.answered.IsZero() {
			return m
		}
	}
	return nil
}
