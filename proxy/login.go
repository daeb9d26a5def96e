package proxy

import (
	"net/netip"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// attempt is a login that the backend has not answered yet. The user is the owner
// of the password.
type attempt struct{ user string }

// Refused forwards the event that a login before TLS was refused.
func (ses *session) Refused(command string) {
	ses.origin.observer.LoginRefused(&ses.info, command)
}

// Admit delays or refuses a login after failures.
func (ses *session) Admit(user string) error {
	if err := ses.whyStopped(); err != nil {
		return err
	}
	s := ses.origin.server
	_, owner := ses.listener.splitMaster(user) // an attacker who guesses a master's password may vary the user
	delay, err := s.logins.Admit(ses.info.Client.Addr(), owner, time.Now())
	if err != nil {
		return gate.Because(gate.LoginRefused, err)
	}
	if delay > 0 {
		if err := ses.delay(delay); err != nil {
			return err
		}
		if err := ses.whyStopped(); err != nil {
			return err
		}
	}
	ses.talk.attempt = &attempt{owner}
	return nil
}

// delay delays a login. The end of the session ends the wait.
func (ses *session) delay(delay time.Duration) error {
	s := ses.origin.server
	if err := ses.EnterStep(gate.Delayed); err != nil {
		return err
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
		return ses.EnterStep(gate.Authenticating)
	case <-ses.talk.ctx.Done():
		return gate.Because(gate.ClientGone, nil) // or the reason for which the session was stopped: see judge
	case <-s.accepting.Done():
		return gate.Because(gate.Shutdown, nil)
	}
}

// Login forwards the backend's reply to a login, and counts a wrong password.
// Any other refusal is logged and has no consequences.
func (ses *session) Login(user, mechanism string, a gate.Answer) {
	user = strings.Clone(user) // a copy, so that the line with the password can be freed
	if a.OK() {
		ses.note(func(info *observe.Session) { info.User, info.Settled = user, true })
	}
	ses.talk.attempt = nil
	if !a.OK() {
		ses.loginRefused()
	}
	_, owner := ses.listener.splitMaster(user)
	ses.origin.server.loginAnswered(ses.info.Client.Addr(), owner, a.Outcome)
	ses.origin.observer.Login(&ses.info, user, mechanism, a)
}

// loginAnswered counts the backend's reply to a login. Only a reply about the
// password counts: an overloaded or broken backend refuses correct passwords
// too.
func (s *Server) loginAnswered(client netip.Addr, user string, outcome gate.Outcome) {
	switch outcome {
	case gate.Accepted:
		s.logins.Succeeded(client, user, time.Now())
	case gate.WrongPassword:
		s.logins.Failed(client, user, time.Now())
	}
}

// Denied forwards the event that the proxy has refused a login without the
// backend.
func (ses *session) Denied(user, mechanism string, why error) {
	ses.origin.observer.Denied(&ses.info, user, mechanism, why)
}
