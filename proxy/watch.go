package proxy

import (
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// attempt is a login that the backend may not have answered yet.
type attempt struct{ user string }

// Refused, with Admit and Login, makes the session its gate's Watch.
func (ses *session) Refused(command string) {
	ses.server.Observer.LoginRefused(&ses.info, command)
}

// Admit lets a login wait, or refuses it, after others have failed.
func (ses *session) Admit(user string) error {
	s := ses.server
	delay, err := s.logins.judge(ses.info.Client.Addr(), user, time.Now())
	if err != nil {
		return gate.Because(gate.LoginRefused, err)
	}
	ses.attempt = &attempt{user}
	if delay == 0 {
		return nil
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-s.accepting.Done():
		return gate.Because(gate.Shutdown, nil)
	}
}

// Login takes note of how the backend has answered.
func (ses *session) Login(user, mechanism string, ok bool) {
	user = strings.Clone(user) // it is kept, the line that it came in, with the password, is not
	if ok {
		ses.info.User = user
	}
	ses.attempt = nil
	ses.server.logins.answered(ses.info.Client.Addr(), user, ok, time.Now())
	ses.server.Observer.Login(&ses.info, user, mechanism, ok)
}

// taken counts the messages that were sent in clear.
func (ses *session) taken() {
	if ses.info.TLS == nil {
		ses.info.InClear++
	}
}

// judge is the last look at why a session ends.
func (ses *session) judge(err error) error {
	why := gate.ReasonOf(err)
	if why == gate.BackendGone && ses.attempt != nil {
		// Some hang up on a wrong password; guessing must not be free there.
		ses.server.logins.answered(ses.info.Client.Addr(), ses.attempt.user, false, time.Now())
	}
	if why == gate.Timeout && ses.place.wasTaken() {
		return &gate.End{Reason: gate.Busy}
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
