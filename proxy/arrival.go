package proxy

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/parking"
)

// arrival is an accepted connection that has a slot and no session yet.
type arrival struct {
	listener *Listener
	conn     net.Conn
	slot     *limit.Slot
	origin   *origin
	named    *peers    // named by a PROXY header; nil: the two ends of conn
	at       time.Time // when it was accepted, or its PROXY header was read
}

// peers are the two ends of a client's connection.
type peers struct {
	client, local netip.AddrPort
	via           netip.Addr // the load balancer whose PROXY header named both; usually none
}

func (a *arrival) peers() peers {
	if a.named != nil {
		return *a.named
	}
	return peers{client: addrPort(a.conn.RemoteAddr()), local: addrPort(a.conn.LocalAddr())}
}

// info describes the session of the connection.
func (a *arrival) info() observe.Session {
	p := a.peers()
	return observe.Session{
		ID: newID(), Listener: &a.listener.facts, Policy: a.listener.Policy, Client: p.client, Local: p.local, Via: p.via, Opened: a.at,
	}
}

// silent is an arrival whose peer sends the first bytes and has not sent any: a client
// on a listener with implicit TLS, or a load balancer that sends a PROXY header. It
// has no session, no goroutine and no buffer until the first byte arrives, because
// many clients connect and send nothing. The poller waits for that byte.
type silent struct {
	arrival
	header bool // the first bytes are a PROXY header

	mu    sync.Mutex
	begun bool // the wait has begun: the slot is free for this connection
	over  bool // the wait is over
	entry parking.Entry
}

// await waits for the first byte of a connection.
func (s *Server) await(a arrival, header bool) {
	c := &silent{arrival: a, header: header}
	if !s.registerSilent(c) {
		_ = c.conn.Close()
		c.slot.Leave()
		return
	}
	c.slot.Start(c.wait, c.evict, nil)
}

// wait begins to wait, once the connection has its slot. Many clients have closed the
// connection by then, or have sent a byte; the poller is not needed for these.
func (c *silent) wait() {
	c.mu.Lock()
	c.begun = true
	has, ended := parking.Peek(c.conn)
	parked := !c.over && !has && !ended && c.origin.server.poller.Park(c, &c.entry, c.conn)
	c.mu.Unlock()
	switch {
	case parked:
	case ended:
		c.vanish()
	default:
		c.proceed()
	}
}

// late reports whether the time for the first byte is over. It is not before the wait
// has begun: a PROXY header that is read without a slot would be counted twice.
func (c *silent) late(now time.Time) bool {
	c.mu.Lock()
	begun := c.begun
	c.mu.Unlock()
	if !begun {
		return false
	}
	patience := c.listener.generation.Timeouts.Handshake
	if c.header {
		patience = c.listener.generation.Timeouts.of(gate.Accepting.Rule().Total)
	}
	return now.Sub(c.at) >= patience
}

// claim ends the wait. It reports false if something else has ended it.
func (c *silent) claim() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.over = true
	c.origin.server.poller.Leave(&c.entry)
	return true
}

// Woken implements parking.Waiter: the first byte has arrived, or the peer has closed
// the connection.
func (c *silent) Woken(bool) {
	if _, ended := parking.Peek(c.conn); ended {
		c.vanish()
	} else {
		c.proceed()
	}
}

// vanish ends the connection, because its peer has closed it.
func (c *silent) vanish() {
	if c.claim() {
		c.origin.server.workers.Run(func() {
			defer c.origin.server.forgetSilent(c)
			c.finish(gate.ClientGone, io.EOF)
		})
	}
}

// proceed goes on with a connection that has waited for too long, or that the poller
// cannot watch. The session's read waits for the first byte then, or fails.
func (c *silent) proceed() {
	if c.claim() {
		c.origin.server.workers.Run(c.next)
	}
}

func (c *silent) next() {
	if ses := c.session(); ses != nil {
		ses.slot.Start(ses.run, ses.evict, ses.front.Received)
	}
}

// session makes the session of the connection. It returns nil if there is none: the
// connection has ended, or its client has sent nothing behind the PROXY header.
func (c *silent) session() *session {
	s, a := c.origin.server, &c.arrival
	defer s.forgetSilent(c)
	if c.header {
		if a = s.readHeader(a); a == nil {
			return nil
		}
		if has, _ := parking.Peek(a.conn); a.listener.Implicit && !has {
			s.await(*a, false)
			return nil
		}
	}
	return s.admit(a, true)
}

// evict ends the connection to free its slot for another one.
func (c *silent) evict() { c.stop(gate.Busy) }

// stop ends the connection, if it still waits.
func (c *silent) stop(why gate.Reason) {
	if c.claim() {
		defer c.origin.server.forgetSilent(c)
		c.finish(why, nil)
	}
}

// finish closes the connection. It is reported as a session without a byte.
func (c *silent) finish(why gate.Reason, err error) {
	_ = c.conn.Close()
	observer := c.origin.observer
	if c.header {
		failed := gate.Because(why, nil)
		if why == gate.ClientGone {
			failed = observe.ErrSilent
		}
		observer.HeaderFailed(&c.listener.facts, c.peers().client, failed)
	} else {
		info := c.info()
		observer.Opened(&info)
		observer.Closed(&info, observe.Summary{Reason: why, Err: err})
	}
	c.slot.Leave()
}

// registerSilent makes a connection known to Shutdown. It reports false if the server
// shuts down.
func (s *Server) registerSilent(c *silent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	if !s.sweeping {
		s.sweeping = true
		s.silentTimer = time.AfterFunc(s.current.silentSweep(), s.sweepSilent)
	}
	s.silent[c] = struct{}{}
	if !c.header {
		c.origin.open++
	}
	s.running.Add(1)
	return true
}

// sweepSilent goes on with connections that have waited for too long, and runs again
// while there are others. One timer for all of them costs less than one for each.
func (s *Server) sweepSilent() {
	now := time.Now()
	s.mu.Lock()
	var late []*silent
	for c := range s.silent {
		if c.late(now) {
			late = append(late, c)
		}
	}
	if s.sweeping = len(s.silent) > 0; s.sweeping {
		s.silentTimer = time.AfterFunc(s.current.silentSweep(), s.sweepSilent)
	}
	s.mu.Unlock()
	for _, c := range late {
		c.proceed()
	}
}

// stopSweep ends the sweeps.
func (s *Server) stopSweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silentTimer != nil {
		s.silentTimer.Stop()
	}
}

// silentSweep returns the time between two searches for silent connections. A
// connection may exceed its time for the first byte by an eighth, or by a second.
func (g *Generation) silentSweep() time.Duration {
	return max(min(g.Timeouts.Handshake/8, g.Timeouts.ProxyHeader/8, time.Second), time.Millisecond)
}

func (s *Server) forgetSilent(c *silent) {
	s.mu.Lock()
	delete(s.silent, c)
	if !c.header {
		c.origin.open--
	}
	s.mu.Unlock()
	s.running.Done()
}
