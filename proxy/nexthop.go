package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// nextHops is a session whose gate finds its next hops by itself. It implements
// gate.NextHops.
type nextHops session

// searchTime bounds a gate's own search for a backend: a client may give up after
// waiting five minutes for the reply to RCPT, or three minutes until it can send more of
// a text (RFC 5321 §4.5.3.2.3, §4.5.3.2.5).
const (
	searchTime   = 4 * time.Minute
	secondSearch = 2 * time.Minute
)

// Search implements gate.NextHops.
func (n *nextHops) Search(bound gate.Bound) (context.Context, context.CancelFunc) {
	return context.WithTimeout(n.talk.ctx, (*session)(n).rules().Timeouts.of(bound))
}

// Connect implements gate.NextHops: it dials an address that the gate has
// found, and makes it the session's backend.
func (n *nextHops) Connect(ctx context.Context, address string, config *tls.Config) (*wire.Conn, error) {
	ses := (*session)(n)
	ses.note(func(info *observe.Session) { info.Backend = address })
	dialer := net.Dialer{Timeout: ses.rules().Timeouts.Dial, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	back := upstream.NewConn(ses.talk.ctx, ses.rules().Timeouts.backend(), conn, config, deadline)
	ses.tapBackend(back)
	ses.setBackend(back, func() {}).close()
	return back, nil
}

// Release implements gate.NextHops. While no session has the connection, its descriptor
// counts among those of sessions that need a third one.
func (n *nextHops) Release() (free func(), ok bool) {
	ses := (*session)(n)
	third := ses.origin.server.third
	if !third.AcquireSpare() {
		return nil, false
	}
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.back == nil || ses.talk.ctx.Err() != nil || !ses.back.Release() {
		third.Release()
		return nil, false
	}
	ses.back, ses.leavePool = nil, nil
	return third.Release, true
}

// Adopt implements gate.NextHops. A session that is recorded gets a connection
// of its own: its dialog begins with the greeting.
func (n *nextHops) Adopt(ctx context.Context, address string, back *wire.Conn) bool {
	ses := (*session)(n)
	if ses.origin.recorder.Of(ses.info.ID) != nil {
		return false
	}
	ses.note(func(info *observe.Session) { info.Backend = address })
	deadline := time.Now().Add(ses.rules().Timeouts.Dial)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	back.Deadline(deadline)
	ses.tapBackend(back)
	ses.setBackend(back, func() {}).close()
	return true
}
