package proxy

import (
	"context"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
)

// Sockets returns the listeners' sockets, in the order of the listeners.
func (s *Server) Sockets() []net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]net.Listener, len(s.sockets))
	for i, d := range s.sockets {
		all[i] = d.listener
	}
	return all
}

// LoginState returns the failed logins and the known clients, for the process that
// replaces this one.
func (s *Server) LoginState() limit.LoginState { return s.logins.State() }

// RestoreLogins takes over what LoginState has returned in another process. It must
// be called between Listen and Serve.
func (s *Server) RestoreLogins(state limit.LoginState) error {
	return s.logins.Restore(state, time.Now())
}

// drainLook is the time between two looks at the sessions that are left.
const drainLook = 100 * time.Millisecond

// Drain stops accepting, because another process has the sockets too, and waits
// until all sessions have ended by themselves or ctx ends. Connections that were
// accepted before become sessions. Reload fails from then on; Shutdown must follow.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	s.handedOver = true
	closeAll(s.sockets)
	s.mu.Unlock()
	s.acceptLoops.Wait() // then each accepted connection has its slot
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for s.clients.slots.Usage().All() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
