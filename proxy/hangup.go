package proxy

import (
	"errors"
	"net"
	"os"

	"github.com/letterlock/letterlock/internal/gate"
)

// hangUp waits for the end of a backend's connection after the backend has refused
// a login. Some servers close the connection after each wrong password. The
// session reads nothing from the backend while it waits for the client's next
// command, so without this the client would stay connected, and its next login
// would reach nobody.
type hangUp struct {
	ses  *session
	spot spot
}

// setSocket notes the socket of the session's backend, in place of the one before.
func (ses *session) setSocket(backend net.Conn) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk.hangUp != nil {
		ses.server.lot.leave(&talk.hangUp.spot)
	}
	talk.backend, talk.hangUp = backend, nil
}

// awaitHangUp begins the wait. Nothing is watched before a login has been refused.
func (ses *session) awaitHangUp() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk.backend == nil || talk.hangUp != nil || ses.finished {
		return
	}
	talk.hangUp = &hangUp{ses: ses}
	ses.server.lot.watch(talk.hangUp, &talk.hangUp.spot, talk.backend)
}

// woken ends the session's wait for the client's next command: the backend has
// closed the connection. The answer to a login that is under way still goes to the
// client.
func (h *hangUp) woken(bool) {
	ses := h.ses
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk == nil || ses.finished || talk.hangUp != h || talk.steps.loggedIn {
		return
	}
	if talk.stopped == nil {
		talk.stopped = gate.HungUpAfterLogin()
	}
	ses.front.Interrupt()
}

// judgeHangUp is called with the error of a session whose backend has closed the
// connection. In answer to a login that counts as a failure, or guessing would be
// free at servers that answer a wrong password so. After a refused login it is no
// failure of the backend.
func (ses *session) judgeHangUp(err, stopped error) error {
	talk := ses.talk
	if talk == nil || stopped != nil && !errors.Is(stopped, gate.ErrHungUp) {
		return err
	}
	if talk.attempt != nil {
		ses.server.loginAnswered(ses.info.Client.Addr(), talk.attempt.user, gate.HungUp(err).Outcome)
	}
	if talk.hangUp != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return gate.HungUpAfterLogin()
	}
	return err
}
