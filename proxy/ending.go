package proxy

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// halfClosed is the time without a byte from or to a client that has closed its
// half of the connection, after which the client counts as gone. A script that
// pipes commands into a socket closes its half, and waits for the answers; a
// client that closes both looks the same.
const halfClosed = 5 * time.Second

// watchClient has the session noticed when the client's socket ends: nobody reads
// it while the session waits for something else.
func (ses *session) watchClient() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.server.lot.watch(ses, &ses.talk.watch, ses.talk.socket)
}

// woken is called when the client's socket has ended while the session may be
// waiting for the backend. It must not block.
func (ses *session) woken(reset bool) {
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
		ses.server.lot.watch(ses, &talk.watch, talk.socket) // for the reset that may follow
		ses.endSoon(halfClosed)
	}
}

// endSoon ends the session after a while because its client is gone. The caller
// holds mu.
func (ses *session) endSoon(after time.Duration) {
	talk := ses.talk
	if talk.ending != nil {
		talk.ending.Stop()
	}
	talk.reset, talk.moved = after == 0, ses.front.Received()+ses.front.Sent()
	talk.ending = time.AfterFunc(after, ses.clientGone)
}

// clientGone ends both sides, unless the backend's verdict on a message is due:
// that is waited for, and the step behind it asks again. A client that has closed
// its half is not gone as long as it is answered.
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
		ses.end(gate.ClientGone)
	}
}

// evict ends both sides in favour of another session.
func (ses *session) evict() { ses.stop(gate.Busy) }

// stop ends the session's waits on both sides, for a reason, from any goroutine.
// The first reason counts.
func (ses *session) stop(why gate.Reason) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.end(why)
}

// end is stop; the caller holds mu.
func (ses *session) end(why gate.Reason) {
	talk := ses.talk
	if talk == nil {
		return
	}
	if talk.stopped == nil && !ses.finished {
		talk.stopped = &gate.End{Reason: why}
	}
	talk.cancel()
	ses.front.Expire()
	if ses.back != nil {
		ses.back.Expire()
	}
}

// whyStopped reports why the session was stopped; nil: it was not.
func (ses *session) whyStopped() error {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.talk == nil {
		return nil
	}
	return ses.talk.stopped
}

// guard keeps a panic within its session. Whatever runs on a goroutine of the
// session defers it, and directly: recover works nowhere else. The function end
// ends the session.
func (ses *session) guard(end func(err error)) {
	value := recover()
	if value == nil {
		return
	}
	ses.server.Log.Error("panic in a session", "session", ses.info.ID, "listener", ses.listener.String(),
		"client", ses.info.Client.String(), // as text: a defect of ours does not count for the client
		"panic", fmt.Sprint(value), "stack", loghandler.Whole(debug.Stack()), "remedy", gate.Crashed.Remedy())
	end(&gate.End{Reason: gate.Crashed, Err: fmt.Errorf("panic: %v", value)})
}
