package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// searchTime bounds a gate's own search for a backend: a client that waits for
// the answer to RCPT may give up after five minutes (RFC 5321 §4.5.3.2.3).
const searchTime = 4 * time.Minute

func (ses *session) search() (context.Context, context.CancelFunc) {
	return context.WithTimeout(ses.talk.ctx, searchTime)
}

// connectTo makes an address that the gate has found the session's backend.
func (ses *session) connectTo(ctx context.Context, address string, config *tls.Config) (*wire.Conn, error) {
	ses.info.Backend = address
	dialer := net.Dialer{Timeout: ses.rules().Timeouts.Dial, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	back := upstream.NewConn(ses.talk.ctx, ses.rules().Timeouts.backend(), conn, config, deadline)
	ses.take(back, func() {})()
	return back, nil
}
