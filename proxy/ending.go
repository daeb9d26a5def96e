package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/parking"
)

// halfClosed is the time without a byte from or to a client that has closed its
// half of the connection, after which the client counts as gone. A script that
// pipes commands into a socket closes its half, and waits for the answers; a
// client that closes both looks the same.
const halfClosed = 5 * time.Second

// watchClient makes the poller call Woken when the client's connection ends.
// The session does not read from the client while it waits for the backend.
func (ses *session) watchClient() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.origin.server.poller.Watch(ses, &ses.talk.watch, ses.talk.socket)
}

// Woken implements parking.Waiter: the client's connection has ended, and the session may be
// waiting for the backend.
func (ses *session) Woken(reset bool) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk == nil || ses.finished {
		return
	}
	talk.clientEnded = true
	switch {
	case reset:
		ses.endSoon(0)
	case talk.ending == nil:
		ses.origin.server.poller.Watch(ses, &talk.watch, talk.socket) // for the reset that may follow
		ses.endSoon(halfClosed)
	}
}

// endSoon ends the session after a while, because the client is gone. The caller
// holds mu.
func (ses *session) endSoon(after time.Duration) {
	talk := ses.talk
	if talk.ending != nil {
		talk.ending.Stop()
	}
	talk.reset, talk.moved = after == 0, ses.front.Received()+ses.front.Sent()
	talk.ending = time.AfterFunc(after, ses.clientGone)
}

// clientGone stops the session. While the backend's verdict on a message is due, it
// waits for that: the next step calls endSoon again. A client that has closed its
// half is not gone as long as it receives replies.
func (ses *session) clientGone() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk == nil || ses.finished {
		return
	}
	talk.ending = nil
	switch {
	case talk.steps.now.Rule().Verdict:
	case !talk.reset && ses.front.Received()+ses.front.Sent() > talk.moved:
		ses.endSoon(halfClosed)
	default:
		ses.stopLocked(gate.ClientGone)
	}
}

// evict stops the session to free its slot for another one.
func (ses *session) evict() { ses.stop(gate.Busy) }

// stop ends the session's waits for the client and the backend, so that the session
// ends. It may be called from any goroutine; the first reason counts.
func (ses *session) stop(why gate.Reason) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.stopLocked(why)
}

// stopLocked is stop; the caller holds mu.
func (ses *session) stopLocked(why gate.Reason) {
	talk := ses.talk
	if talk == nil {
		return
	}
	if talk.stopped == nil && !ses.finished {
		talk.stopped = &gate.SessionError{Reason: why}
	}
	talk.cancel()
	ses.front.Expire()
	if ses.back != nil {
		ses.back.Expire()
	}
}

// whyStopped returns the reason for which the session was stopped; nil: it was not.
func (ses *session) whyStopped() error {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	switch talk := ses.talk; {
	case talk == nil:
		return nil
	case talk.stopped != nil || !talk.hungUp:
		return talk.stopped
	case talk.refused:
		return gate.HungUpAfterLogin()
	case talk.attempt == nil:
		return gate.HungUpBeforeLogin()
	}
	return nil // it may be the answer to the login; see judgeHangUp
}

// judge returns the error with which a session ends in the log: the reason for
// which it was stopped comes before the errors that followed from that.
func (ses *session) judge(err error) error {
	why, stopped := gate.ReasonOf(err), ses.whyStopped()
	if why == gate.Shutdown && ses.kicked {
		return gate.Because(gate.Kicked, nil)
	}
	if why == gate.BackendGone {
		err = ses.judgeHangUp(err, stopped)
		why = gate.ReasonOf(err)
	}
	if why == gate.BackendGone && errors.Is(err, os.ErrDeadlineExceeded) && ses.overdue() {
		return gate.Because(gate.Timeout, nil) // the client has used the session's time up
	}
	switch {
	case stopped == nil, why == gate.Done, errors.Is(stopped, gate.ErrIdleHungUp) && why.Backend():
		return err // in the middle of a command, the backend has failed
	}
	return stopped
}

// hangUp waits for the end of a backend's connection. Many servers close it after a
// wrong password, or when a client does not log in for a while. The session reads
// nothing from the backend while it waits for the client's next command, so without
// this the client would stay connected, and its next login would fail and count as
// a wrong password.
type hangUp struct {
	ses   *session
	entry parking.Entry
}

// setSocket sets the socket of the session's backend.
func (ses *session) setSocket(backend net.Conn) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk.hangUp != nil {
		ses.origin.server.poller.Leave(&talk.hangUp.entry)
	}
	talk.backend, talk.hangUp, talk.hungUp, talk.refused = backend, nil, false, false
}

// awaitHangUp starts to wait for the end of the connection of a backend that has
// greeted.
func (ses *session) awaitHangUp() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk.backend == nil || talk.hangUp != nil || ses.finished {
		return
	}
	talk.hangUp = &hangUp{ses: ses}
	ses.origin.server.poller.Watch(talk.hangUp, &talk.hangUp.entry, talk.backend)
}

// Woken ends the session's wait for the client's next command: the backend has
// closed the connection. The answer to a login that is under way still goes to the
// client.
func (h *hangUp) Woken(bool) {
	ses := h.ses
	ses.mu.Lock()
	defer ses.mu.Unlock()
	talk := ses.talk
	if talk == nil || ses.finished || talk.hangUp != h || talk.steps.loggedIn {
		return
	}
	talk.hungUp = true
	ses.front.Interrupt()
}

// loginRefused notes that the present backend has refused a login.
func (ses *session) loginRefused() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.talk.refused = true
}

// judgeHangUp returns the error of a session whose backend has closed the connection.
// In reply to a login that counts as a wrong password: else passwords could be
// guessed without limit at servers that reply so. After a refused login the backend
// has not failed.
func (ses *session) judgeHangUp(err, stopped error) error {
	talk := ses.talk
	if talk == nil || stopped != nil && !errors.Is(stopped, gate.ErrHungUp) {
		return err
	}
	if talk.attempt != nil {
		ses.origin.server.loginAnswered(ses.info.Client.Addr(), talk.attempt.user, gate.HungUp(err).Outcome)
	}
	if talk.refused && !errors.Is(err, os.ErrDeadlineExceeded) {
		return gate.HungUpAfterLogin()
	}
	return err
}

// guard recovers from a panic, logs it and calls finish. Each goroutine of a session
// defers it directly, because recover works nowhere else.
func (ses *session) guard(finish func(err error)) {
	value := recover()
	if value == nil {
		return
	}
	ses.origin.server.Log.Error("panic in a session", "session", ses.info.ID, "listener", ses.listener.String(),
		"client", ses.info.Client.String(), // as text, so that the limits on the client's log lines do not apply
		"panic", fmt.Sprint(value), "stack", loghandler.Whole(debug.Stack()), "remedy", gate.Crashed.Remedy())
	finish(&gate.SessionError{Reason: gate.Crashed, Err: fmt.Errorf("panic: %v", value)})
}
