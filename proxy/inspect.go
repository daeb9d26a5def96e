package proxy

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
)

// This file is the view that an administrator has of the sessions. The server's own
// map of sessions is the only list of them, so that a session costs nothing more
// while nothing asks for it.

// EachSession calls f with a description of every open session, in no order. f must
// not keep it.
func (s *Server) EachSession(f func(*observe.Open)) {
	s.each(func(ses *session) {
		if open, ok := ses.describe(); ok {
			f(&open)
		}
	})
}

// Kick ends the sessions that match, as Shutdown does: between two commands, with the
// protocol's goodbye, and in the middle of a message after the backend's verdict. It
// returns their number, and does not wait for their end.
func (s *Server) Kick(match func(*observe.Open) bool) (kicked int) {
	s.each(func(ses *session) {
		if open, ok := ses.describe(); ok && match(&open) && ses.kick() {
			kicked++
		}
	})
	return kicked
}

// Logins returns the counts of failed logins. Listen must have been called.
func (s *Server) Logins() *limit.Logins { return s.logins }

// LoginFailures lists the failed logins that count.
func (s *Server) LoginFailures() []limit.LoginFailure { return s.logins.Failures(time.Now()) }

// ForgetLogins forgets the failed logins of a client or a user; see limit.Logins.
func (s *Server) ForgetLogins(client netip.Addr, user string) int {
	return s.logins.Forget(client, user, time.Now())
}

// note changes the description of the session. Only the session's own goroutine
// calls it, so that this goroutine may read the description without the mutex.
func (ses *session) note(change func(*observe.Session)) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	change(&ses.info)
}

// describe returns the present state of the session. It reports false if the session
// has ended, or is not a client's.
func (ses *session) describe() (open observe.Open, ok bool) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.finished || ses.origin.own {
		return open, false
	}
	open.Session = ses.info
	if ses.talk != nil {
		open.Step, open.Received, open.Sent = ses.talk.steps.now, ses.front.Received(), ses.front.Sent()
		return open, true
	}
	r := ses.relay
	open.Step, open.Received, open.Sent = gate.Relaying, r.up.count.Load(), r.down.count.Load()
	open.Moved = time.Unix(0, r.last.Load())
	if client, encrypted := r.up.from.(*tls.Conn); encrypted {
		state := client.ConnectionState()
		open.TLS = &state
	}
	return open, true
}

// kick ends the session between two commands. A login that is delayed is not tried
// any more. It reports false if the session has ended already.
func (ses *session) kick() bool {
	ses.mu.Lock()
	if ses.finished {
		ses.mu.Unlock()
		return false
	}
	ses.kicked = true
	if ses.talk != nil && ses.talk.steps.now == gate.Delayed {
		ses.stopLocked(gate.Kicked)
	}
	ses.mu.Unlock()
	ses.drain()
	return true
}
