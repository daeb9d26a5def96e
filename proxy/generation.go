package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/upstream"
)

// Generation is one configuration at work: the listeners, and the rules that
// sessions live by. A session keeps to the generation that it began under. It
// must not be changed, nor used by another server, once it is in use.
type Generation struct {
	Hostname  string
	Listeners []*Listener
	Pools     []*upstream.Pool // to be checked from the start; others are from their first session on
	Limits    Limits
	Timeouts  Timeouts

	turns map[string]limit.Turns // of handshakes, by service

	present context.Context // until there is another one
	retire  context.CancelFunc

	checker *upstream.Checker
}

// door is a socket, and the listener that receives who comes in.
type door struct {
	socket net.Listener
	now    atomic.Pointer[Listener]
}

// prepare makes a generation ready to follow another, which is nil at first.
func (s *Server) prepare(next, last *Generation) {
	if n, known := descriptors(); known {
		next.fit(n, s.Log)
	}
	next.turns = limit.NewTurns(next.Limits.Handshakes, next.Limits.Reserved, next.services())
	if last != nil && limit.SameTurns(last.turns, next.turns) {
		next.turns = last.turns // what runs goes on to count
	}
	next.present, next.retire = context.WithCancel(s.accepting)
	next.checker = upstream.NewChecker(next.present, next.Timeouts.backend(), s.Log, s.running.Go)
	for _, l := range next.Listeners {
		l.listen(next)
	}
}

// Reload puts another generation in the place of the present one. Listeners on
// addresses that both have keep their sockets, and who waits there is received
// by the new listener; others are opened first, and those that are no more are
// closed then. Open sessions go on as they began. What has been counted goes on
// to count. After an error nothing has changed.
//
// Serve must have been called. Reloads come one after the other.
func (s *Server) Reload(next *Generation) error {
	last := s.current
	s.prepare(next, last)
	doors, opened, err := s.open(next, s.doors)
	if err == nil {
		err = s.enter(next, doors, opened)
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

// enter makes the generation the present one, unless the end has begun.
func (s *Server) enter(next *Generation, doors, opened []*door) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return errEnding
	}
	for i, l := range next.Listeners {
		doors[i].now.Store(l)
	}
	closeAll(slices.DeleteFunc(s.doors, func(d *door) bool { return slices.Contains(doors, d) }))
	s.current, s.doors = next, doors
	s.serve(next, opened)
	return nil
}

// limit sets what all generations count together.
func (s *Server) limit(g *Generation) {
	l := g.Limits
	s.slots.Set(limit.SlotLimits{
		Connections: l.Connections, ConnectionsPerClient: l.ConnectionsPerClient, ConnectionsPerNetwork: l.ConnectionsPerNetwork,
		Unauthenticated: l.Unauthenticated, UnauthenticatedPerClient: l.UnauthenticatedPerClient,
		Reserved: l.Reserved, Services: g.services(), Safe: g.Timeouts.Unauthenticated,
	})
	s.spooled.limit.Store(l.Spool)
	s.logins.Set(limit.LoginLimits{
		PerClient: l.LoginFailuresPerClient, PerUser: l.LoginFailuresPerUser, Delay: g.Timeouts.LoginDelay, Forget: g.Timeouts.LoginForget,
	})
}

// serve begins to check the pools and to accept. The caller holds mu, or is
// alone.
func (s *Server) serve(g *Generation, opened []*door) {
	for _, p := range g.Pools {
		g.checker.Check(p)
	}
	for _, d := range opened {
		s.running.Go(func() { s.accept(d) })
	}
}

// open finds a door for each listener: one of those that are open already, or
// a new one. After an error all that it has opened are in opened, too.
func (s *Server) open(g *Generation, have []*door) (doors, opened []*door, err error) {
	have = slices.Clone(have)
	doors = make([]*door, len(g.Listeners))
	// First those with the same service: where port 0 was asked for, several
	// may have one address.
	for _, same := range []func(a, b *Listener) bool{
		func(a, b *Listener) bool { return a.Address == b.Address && a.Service == b.Service },
		func(a, b *Listener) bool { return a.Address == b.Address },
	} {
		for i, l := range g.Listeners {
			at := slices.IndexFunc(have, func(d *door) bool { return same(d.now.Load(), l) })
			if doors[i] == nil && at >= 0 {
				doors[i] = have[at]
				have = slices.Delete(have, at, at+1)
			}
		}
	}
	for i, l := range g.Listeners {
		if doors[i] != nil {
			continue
		}
		socket, err := l.socket(s.accepting)
		if err != nil {
			return nil, opened, fmt.Errorf("listener %s: %w%s", l, err, inTheWay(l, have))
		}
		doors[i] = &door{socket: socket}
		doors[i].now.Store(l)
		opened = append(opened, doors[i])
	}
	return doors, opened, nil
}

// inTheWay says whether it may be one of our own sockets that keeps a listener
// from opening its own: one that is closed only once all others are open.
func inTheWay(l *Listener, have []*door) string {
	_, port, _ := net.SplitHostPort(l.Address)
	for _, d := range have {
		if _, taken, _ := net.SplitHostPort(d.socket.Addr().String()); taken == port {
			return fmt.Sprintf("; its port is still that of the listener %s: this needs a restart", d.now.Load())
		}
	}
	return ""
}

func closeAll(doors []*door) {
	for _, d := range doors {
		_ = d.socket.Close()
	}
}

// Descriptors that are not for the two sockets of each session: some for
// listeners, probes and lookups, and a part for sessions that need a third one,
// as they hold a message in a file, or change from one backend to another.
const (
	spareDescriptors = 256
	thirdDescriptors = 16 // one in so many
)

// fit takes fewer sessions than is configured if there are not enough
// descriptors for the two sockets of each: a session that is turned away hears
// why, one that cannot be accepted does not.
func (g *Generation) fit(descriptors int, log *slog.Logger) {
	fit := max(1, (descriptors-descriptors/thirdDescriptors-spareDescriptors)/2)
	if fit >= g.Limits.Connections {
		return
	}
	log.Warn("too few file descriptors for limits.connections", "limits.connections", g.Limits.Connections, "possible", fit,
		"remedy", "raise the limit of open files (LimitNOFILE, ulimit -n)")
	g.Limits.Connections = fit
}

// services are the names of the services, each once.
func (g *Generation) services() (names []string) {
	for _, l := range g.Listeners {
		if !slices.Contains(names, l.Service) {
			names = append(names, l.Service)
		}
	}
	return names
}

// sweepTime is how often silent sessions are looked for: they may outlive
// their time by an eighth.
func (g *Generation) sweepTime() time.Duration {
	return min(max(g.Timeouts.Idle/8, time.Millisecond), time.Minute)
}
