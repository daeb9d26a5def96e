package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
	"github.com/letterlock/letterlock/internal/wire"
)

// Server accepts and carries sessions on its listeners.
type Server struct {
	Observer observe.Observer
	Log      *slog.Logger        // for what concerns no session
	Resolver reversedns.Resolver // for the names of clients; nil: the machine's

	slots    limit.Slots
	spooled  spooled
	third    third
	logins   *limit.Logins
	waiting  atomic.Int64 // logins that wait because others have failed
	names    *reversedns.Cache
	crew     *crew
	lot      *lot
	parkings atomic.Int64  // first times that a direction has gone silent
	ended    chan struct{} // closed when nothing runs any more
	end      sync.Once

	mu       sync.Mutex
	current  *Generation
	doors    []*door // those of current's listeners, in their order
	sessions map[*session]struct{}
	draining bool
	running  sync.WaitGroup // accept loops, checks and sessions

	// dialling is cancelled when sessions are cut off, accepting before.
	dialling  context.Context
	cut       context.CancelFunc
	accepting context.Context
	close     context.CancelFunc
}

// Listen opens all sockets of the first generation, or none.
func (s *Server) Listen(first *Generation) error {
	s.logins = limit.NewLogins()
	s.names = reversedns.New(s.Resolver)
	s.sessions = make(map[*session]struct{})
	s.ended = make(chan struct{})
	s.dialling, s.cut = context.WithCancel(context.Background())
	s.accepting, s.close = context.WithCancel(s.dialling)
	lot, err := newLot()
	if err != nil {
		return fmt.Errorf("waiting for silent sessions: %w", err)
	}
	s.lot, s.crew = lot, newCrew()
	if n, known := descriptors(); known {
		s.third = newThird(n)
	}
	s.prepare(first, nil)
	doors, opened, err := s.open(first, nil)
	if err != nil {
		closeAll(opened)
		s.lot.close()
		s.cut()
		return err
	}
	s.limit(first)
	s.current, s.doors = first, doors
	return nil
}

// Addresses are those that the listeners have got, in their order; useful
// where port 0 was asked for.
func (s *Server) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addresses := make([]net.Addr, len(s.doors))
	for i, d := range s.doors {
		addresses[i] = d.socket.Addr()
	}
	return addresses
}

// Serve starts accepting; see Shutdown for its end.
func (s *Server) Serve() {
	s.serve(s.current, s.doors)
	go s.sweep()
	go s.trim()
}

// sweep looks for sessions that have been silent for too long, until nothing
// runs any more.
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

// Accepting may fail for lack of descriptors; then it is tried again, after a
// pause that grows between these bounds.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

func (s *Server) accept(d *door) {
	pause := shortestPause
	for {
		conn, err := d.socket.Accept()
		switch {
		case err == nil:
			pause = shortestPause
			s.receive(d.now.Load(), conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.Log.Error("accept failed", "listener", d.now.Load().String(), "error", err, "pause", pause)
			select {
			case <-s.accepting.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// admit gives a connection its session.
func (s *Server) admit(l *Listener, conn net.Conn, p peers, slot *limit.Slot) {
	ses := newSession(s, l, conn, p, slot)
	if !s.register(ses) {
		ses.talk.cancel()
		_ = conn.Close()
		slot.Leave()
		return
	}
	slot.Start(func() { s.crew.do(ses.run) }, ses.evict, ses.front.Received)
}

// turnAway says so in the protocol's words where that costs next to nothing:
// in clear. A handshake would cost more than the session.
func (s *Server) turnAway(l *Listener, conn net.Conn, client netip.AddrPort, full string) {
	s.Observer.ConnectionRejected(&l.facts, client, full)
	if !l.Implicit {
		front := wire.New(conn, wire.Limits{Write: shortestPause})
		l.NewGate(&gate.Session{ID: newID(), Hostname: l.generation.Hostname}).Refuse(front, gate.Busy)
	}
	_ = conn.Close()
}

func (s *Server) register(ses *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.sessions[ses] = struct{}{}
	s.running.Add(1)
	return true
}

// forget is the end of a session that was registered.
func (s *Server) forget(ses *session) {
	ses.slot.Leave()
	s.mu.Lock()
	delete(s.sessions, ses)
	s.mu.Unlock()
	s.running.Done()
}

// Sessions is the number of those that are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Shutdown stops accepting and lets sessions end: one between two commands at
// once, with its protocol's goodbye; one in the middle of a message when that
// is decided. What is left when ctx ends is cut off. It returns when nothing
// runs any more; the error is ctx's if it had to cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.close()
	closeAll(s.doors)
	s.mu.Unlock()
	s.each((*session).drain)
	go func() {
		s.running.Wait()
		s.end.Do(func() {
			s.lot.close()
			s.crew.end()
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
	s.each((*session).abort)
	<-s.ended
	return ctx.Err()
}

var errEnding = errors.New("the server is about to end")

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
