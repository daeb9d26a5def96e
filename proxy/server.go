package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/parking"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/spool"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
	"github.com/letterlock/letterlock/internal/workers"
)

// Server accepts and carries sessions on its listeners.
type Server struct {
	Observer observe.Observer
	Log      *slog.Logger        // of events outside of sessions
	Resolver reversedns.Resolver // for the names of clients; nil: the machine's
	Recorder *record.Recorder    // records sessions; nil: none is recorded

	// Self reports whether a peer is this process itself, which checks what it serves;
	// nil: none is. See origin.
	Self func(peer netip.AddrPort) bool

	clients origin
	itself  origin // of the connections of Self
	spooled spool.Spool
	third   limit.Descriptors // for sessions that need a third one
	logins  *limit.Logins
	waiting atomic.Int64 // logins that wait because others have failed
	workers *workers.Pool
	poller  *parking.Poller
	parked  atomic.Int64  // directions of open relays that have been parked
	ended   chan struct{} // closed when no session runs any more
	end     sync.Once

	mu          sync.Mutex
	current     *Generation
	sockets     []*socket // of the listeners of current, in their order
	sessions    map[*session]struct{}
	silent      map[*silent]struct{} // connections that have sent nothing yet
	sweeping    bool                 // silentTimer looks for those that have waited for too long
	silentTimer *time.Timer
	draining    bool
	running     sync.WaitGroup // accept loops, checks and sessions

	handedOver  bool           // another process accepts, see Drain
	acceptLoops sync.WaitGroup // also in running

	// dialling ends when Shutdown closes connections, accepting when it begins.
	dialling  context.Context
	cut       context.CancelFunc
	accepting context.Context
	close     context.CancelFunc
}

// Listen opens all sockets of the first generation, or none.
func (s *Server) Listen(first *Generation) error {
	s.logins = limit.NewLogins()
	s.setOrigins()
	s.sessions, s.silent = make(map[*session]struct{}), make(map[*silent]struct{})
	s.ended = make(chan struct{})
	s.dialling, s.cut = context.WithCancel(context.Background())
	s.accepting, s.close = context.WithCancel(s.dialling)
	poller, err := parking.New()
	if err != nil {
		return fmt.Errorf("parking for silent sessions: %w", err)
	}
	s.poller, s.workers = poller, workers.New()
	if n, known := limit.OpenFiles(); known {
		s.third = limit.NewDescriptors(n / thirdDescriptors)
	}
	s.prepare(first, nil)
	sockets, opened, err := s.open(first, nil)
	if err != nil {
		closeAll(opened)
		s.poller.Close()
		s.cut()
		return err
	}
	s.limit(first)
	s.current, s.sockets = first, sockets
	return nil
}

// Addresses returns the addresses of the listeners' sockets, in the order of the
// listeners. They differ from the configured ones where that has port 0.
func (s *Server) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addresses := make([]net.Addr, len(s.sockets))
	for i, d := range s.sockets {
		addresses[i] = d.listener.Addr()
	}
	return addresses
}

// Serve starts to accept connections; Shutdown ends it.
func (s *Server) Serve() {
	s.serve(s.current, s.sockets)
	go s.sweep()
}

// sweep ends sessions that have been silent for too long, until the server has
// ended.
func (s *Server) sweep() {
	for {
		s.mu.Lock()
		pause := s.current.sweepTime()
		s.mu.Unlock()
		wait := time.NewTimer(pause)
		select {
		case <-s.ended:
			wait.Stop()
			return
		case now := <-wait.C:
			s.each(func(ses *session) { ses.sweep(now) })
		}
	}
}

// each calls f for every session.
func (s *Server) each(f func(*session)) {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for ses := range s.sessions {
		all = append(all, ses)
	}
	s.mu.Unlock()
	for _, ses := range all {
		f(ses)
	}
}

// eachSilent calls f for every connection that has sent nothing yet.
func (s *Server) eachSilent(f func(*silent)) {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.silent))
	s.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// register makes a session known to Shutdown. It reports false if the server shuts
// down, unless the session's connection was accepted before that.
func (s *Server) register(ses *session, accepted bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining && !accepted, s.dialling.Err() != nil:
		return false
	case s.draining:
		ses.draining = true
		ses.front.Interrupt()
	}
	s.sessions[ses] = struct{}{}
	ses.origin.open++
	s.running.Add(1)
	return true
}

// forget removes a session that has ended.
func (s *Server) forget(ses *session) {
	ses.slot.Leave()
	s.mu.Lock()
	delete(s.sessions, ses)
	ses.origin.open--
	s.mu.Unlock()
	s.running.Done()
}

// Parked returns how many directions of open relays are or have been parked. A rise
// shows that a burst of logins has become silent.
func (s *Server) Parked() int64 { return s.parked.Load() }

// Sessions returns the number of open sessions, and of connections of clients that
// have sent nothing yet. Those of Self are not counted.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients.open
}

// ShareLogins makes the server share the counts of failed logins with other instances;
// nil: it does not share them.
func (s *Server) ShareLogins(store limit.Shared) { s.logins.Share(store) }

// ClientSessions returns the open sessions of the clients that have at least some.
func (s *Server) ClientSessions(least, most int) limit.Sessions {
	return s.clients.slots.Sessions(least, most)
}

// SetSessionsElsewhere sets the sessions that clients have at other instances, which
// count for the limit of a client until a time.
func (s *Server) SetSessionsElsewhere(sessions limit.Sessions, until time.Time) {
	s.clients.slots.SetElsewhere(sessions, until)
}

// FlushLogins sends counts that could not be shared while the store was away.
func (s *Server) FlushLogins() { s.logins.Flush() }

// Shutdown stops accepting and ends the sessions: a session between two commands at
// once, with its protocol's goodbye; a session in the middle of a message after the
// backend's verdict. When ctx ends, Shutdown closes the connections that are left.
// It returns when no goroutine of the server runs any more, with the error of ctx if
// it had to close connections.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.close()
	closeAll(s.sockets)
	s.mu.Unlock()
	s.each((*session).drain)
	s.eachSilent(func(c *silent) {
		if c.header { // its balancer connects again
			c.proceed()
		}
	})
	go func() {
		s.running.Wait()
		s.end.Do(func() {
			s.poller.Close()
			s.stopSweep()
			s.workers.Stop()
			s.cut()
			close(s.ended)
		})
	}()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
	}
	s.cut()
	s.eachSilent(func(c *silent) { c.stop(gate.Shutdown) })
	s.each((*session).abort)
	<-s.ended
	return ctx.Err()
}

var errEnding = errors.New("the server shuts down")

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
