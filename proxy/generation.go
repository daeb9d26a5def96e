package proxy

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/upstream"
)

// Generation is one configuration in force: its listeners, pools, limits and
// timeouts. A session keeps the generation that it began under. A Generation must
// not be changed, nor used by another server, once it is in use.
type Generation struct {
	Hostname  string
	Listeners []*Listener
	Pools     []*upstream.Pool // to be checked from the start; other pools are checked from their first session on
	Limits    Limits
	Timeouts  Timeouts

	turns map[string]limit.Turns // of handshakes, by service

	present context.Context // ends when another generation replaces this one
	retire  context.CancelFunc

	checker *upstream.Checker
}

// prepare makes a generation ready to replace the last one; nil: it is the first.
func (s *Server) prepare(next, last *Generation) {
	if n, known := limit.OpenFiles(); known {
		next.fit(n, s.Log)
	}
	next.turns = limit.NewTurns(next.Limits.Handshakes, next.Limits.Reserved, next.services())
	if last != nil && limit.SameTurns(last.turns, next.turns) {
		next.turns = last.turns // so that running handshakes still count
	}
	next.present, next.retire = context.WithCancel(s.accepting)
	next.checker = upstream.NewChecker(next.present, next.Timeouts.backend(), s.Log, s.running.Go)
	for _, l := range next.Listeners {
		l.listen(next)
	}
}

// Reload replaces the current generation. Addresses that both generations
// listen on keep their sockets, and connections that wait there belong to the
// new listeners. Reload opens new sockets first, and closes unused ones after
// that. Open sessions keep their generation. All counts stay. After an error
// nothing has changed.
//
// Serve must have been called. Reloads must not overlap.
func (s *Server) Reload(next *Generation) error {
	last := s.current
	s.prepare(next, last)
	sockets, opened, err := s.open(next, s.sockets)
	if err == nil {
		err = s.activate(next, sockets, opened)
	}
	if err != nil {
		next.retire()
		closeAll(opened)
		return err
	}
	s.limit(next)
	last.retire()
	return nil
}

// activate makes the generation the current one, unless the server shuts down.
func (s *Server) activate(next *Generation, sockets, opened []*socket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || s.handedOver {
		return errEnding
	}
	for i, l := range next.Listeners {
		sockets[i].receiver.Store(l)
	}
	closeAll(slices.DeleteFunc(s.sockets, func(d *socket) bool { return slices.Contains(sockets, d) }))
	s.current, s.sockets = next, sockets
	s.serve(next, opened)
	return nil
}

// limit sets the limits that sessions of all generations share.
func (s *Server) limit(g *Generation) {
	l := g.Limits
	s.clients.slots.Set(limit.SlotLimits{
		Connections: l.Connections, ConnectionsPerClient: l.ConnectionsPerClient, ConnectionsPerNetwork: l.ConnectionsPerNetwork,
		Unauthenticated: l.Unauthenticated, UnauthenticatedPerClient: l.UnauthenticatedPerClient,
		Reserved: l.Reserved, Services: g.services(), Safe: g.Timeouts.Unauthenticated,
	})
	s.spooled.SetLimit(l.Spool)
	s.logins.Set(limit.LoginLimits{
		PerClient: l.LoginFailuresPerClient, PerUser: l.LoginFailuresPerUser, Delay: g.Timeouts.LoginDelay, Forget: g.Timeouts.LoginForget,
	})
}

// serve starts to check the pools and to accept connections on the opened sockets.
// The caller holds mu, or is Serve.
func (s *Server) serve(g *Generation, opened []*socket) {
	for _, p := range g.Pools {
		g.checker.Check(p)
	}
	for _, d := range opened {
		s.acceptLoops.Add(1)
		s.running.Go(func() {
			defer s.acceptLoops.Done()
			s.accept(d)
		})
	}
}

// Descriptors that are not available for the two sockets of each session: some
// for listeners, probes and lookups, and a part for sessions that need a third
// one to spool a message in a file, or to change from one backend to another.
const (
	spareDescriptors = 256
	thirdDescriptors = 16 // one in so many
)

// fit lowers the limit of sessions if there are not enough descriptors for the two
// sockets of each. A session that is rejected at a limit receives a reply, a
// connection that cannot be accepted does not.
func (g *Generation) fit(descriptors int, log *slog.Logger) {
	fit := max(1, (descriptors-descriptors/thirdDescriptors-spareDescriptors)/2)
	if fit >= g.Limits.Connections {
		return
	}
	log.Warn("too few file descriptors for limits.connections", "limits.connections", g.Limits.Connections, "possible", fit,
		"remedy", "raise the limit of open files (LimitNOFILE, ulimit -n)")
	g.Limits.Connections = fit
}

// services returns the names of the services, without duplicates.
func (g *Generation) services() (names []string) {
	for _, l := range g.Listeners {
		if !slices.Contains(names, l.Service) {
			names = append(names, l.Service)
		}
	}
	return names
}

// sweepTime returns the time between two searches for silent sessions. A session may
// exceed its idle timeout by an eighth.
func (g *Generation) sweepTime() time.Duration {
	return min(max(g.Timeouts.Idle/8, time.Millisecond), time.Minute)
}

// Limits bound the resources that clients use. All are set; zero means no limit
// where that is permitted.
type Limits struct {
	Connections              int // open sessions in all
	ConnectionsPerClient     int // of one IPv4 address or IPv6 /64
	ConnectionsPerNetwork    int // of one IPv4 /24 or IPv6 /48; may be zero
	Unauthenticated          int // sessions that have not logged in, in all; may be zero
	UnauthenticatedPerClient int // above that, its oldest are evicted; may be zero
	LoginFailuresPerClient   int // failed logins until others are refused; may be zero
	LoginFailuresPerUser     int // may be zero
	Handshakes               int // that are computed at the same time
	Reserved                 int // percent of these limits that are reserved for single services; may be zero
	Line, Token, Literal     int // bytes
	Errors                   int
	Message                  int   // bytes of a message that is spooled before it is forwarded
	Spool                    int64 // bytes of all spooled messages; zero: no limit
}

// Timeouts bound every wait. All are set.
type Timeouts struct {
	ProxyHeader time.Duration
	ReverseDNS  time.Duration // for the name of a client
	Handshake   time.Duration
	Dial        time.Duration
	Greeting    time.Duration // for the backend's greeting and each of its replies
	Command     time.Duration
	Login       time.Duration

	Unauthenticated time.Duration // the age from which on an unauthenticated session can be evicted
	LoginDelay      time.Duration // the longest wait after failed logins
	LoginForget     time.Duration // until as many failures as are allowed are forgotten; set if these are

	Idle      time.Duration // silence of both sides while relayed
	Data      time.Duration
	Message   time.Duration // from the beginning of a message to its end
	EndOfData time.Duration
}
