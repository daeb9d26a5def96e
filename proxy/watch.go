package proxy

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// attempt is a login that the backend may not have answered yet, of the user whose
// password it takes.
type attempt struct{ user string }

// Refused, with Admit and Login, makes the session its gate's Observer.
func (ses *session) Refused(command string) {
	ses.server.Observer.LoginRefused(&ses.info, command)
}

// Admit lets a login wait, or refuses it, after others have failed.
func (ses *session) Admit(user string) error {
	if err := ses.whyStopped(); err != nil {
		return err
	}
	s := ses.server
	_, owner := ses.listener.splitMaster(user) // an attacker who guesses a master's password may vary the user
	delay, err := s.logins.Admit(ses.info.Client.Addr(), owner, time.Now())
	if err != nil {
		return gate.Because(gate.LoginRefused, err)
	}
	ses.talk.attempt = &attempt{owner}
	if delay == 0 {
		return nil
	}
	return ses.delay(delay)
}

// delay lets a login wait. The session's end ends the wait.
func (ses *session) delay(delay time.Duration) error {
	s := ses.server
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
		return gate.Because(gate.ClientGone, nil) // or whatever it was stopped for
	case <-s.accepting.Done():
		return gate.Because(gate.Shutdown, nil)
	}
}

// Login takes note of how the backend has answered. What says nothing about the
// password is logged and counted, and has no consequences.
func (ses *session) Login(user, mechanism string, a gate.Answer) {
	user = strings.Clone(user) // it is kept, the line that it came in, with the password, is not
	if a.OK() {
		ses.info.User, ses.info.Settled = user, true
	}
	ses.talk.attempt = nil
	if !a.OK() {
		ses.awaitHangUp()
	}
	_, owner := ses.listener.splitMaster(user)
	ses.server.loginAnswered(ses.info.Client.Addr(), owner, a.Outcome)
	ses.server.Observer.Login(&ses.info, user, mechanism, a)
}

// loginAnswered counts the backend's answer to a login. Only an answer about the
// password counts: a backend that is full or out of order refuses correct ones
// too.
func (s *Server) loginAnswered(client netip.Addr, user string, outcome gate.Outcome) {
	switch outcome {
	case gate.Accepted:
		s.logins.Succeeded(client, user, time.Now())
	case gate.WrongPassword:
		s.logins.Failed(client, user, time.Now())
	}
}

// Denied passes on that a login is refused before the backend is asked.
func (ses *session) Denied(user, mechanism string, why error) {
	ses.server.Observer.Denied(&ses.info, user, mechanism, why)
}

// Rejected passes on that a sender or a recipient was refused.
func (ses *session) Rejected(r gate.Rejection) { ses.server.Observer.Rejected(&ses.info, r) }

// Message passes on what has become of a message.
func (ses *session) Message(m gate.Message) { ses.server.Observer.Message(&ses.info, m) }

// taken notes a message that the backend has accepted, and counts those that
// came in plaintext.
func (ses *session) taken() {
	ses.info.Settled = true
	if ses.info.TLS == nil {
		ses.info.Plaintext++
	}
}

// judge is the last look at why a session ends.
func (ses *session) judge(err error) error {
	why, stopped := gate.ReasonOf(err), ses.whyStopped()
	if why == gate.BackendGone {
		err = ses.judgeHangUp(err, stopped)
		why = gate.ReasonOf(err)
	}
	if why == gate.BackendGone && errors.Is(err, os.ErrDeadlineExceeded) && ses.overdue() {
		return gate.Because(gate.Timeout, nil) // the time was the client's
	}
	if stopped != nil && why != gate.Done {
		return stopped
	}
	return err
}

// hearEarly finds out a client that speaks before it is greeted (RFC 5321
// §4.3.1), as programs do that do not care for answers. It costs others a pause.
func (ses *session) hearEarly() error {
	if ses.listener.Pause == 0 {
		return nil
	}
	early, err := ses.front.Spoke(ses.listener.Pause)
	switch {
	case err != nil:
		return gate.FromClient(err)
	case early:
		return gate.Because(gate.EarlyTalker, nil)
	}
	return nil
}
