package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// traffic is the state of a relay that both its directions see.
type traffic struct {
	up, down atomic.Int64 // bytes from the client and to it
	last     atomic.Int64 // when bytes moved last, in Unix nanoseconds

	mu      sync.Mutex
	reading []net.Conn // whose reads wake ends
	drained bool       // reads are short
	ended   bool       // there is nobody left to read for
}

// begin makes the relay's reads known to wake.
func (t *traffic) begin(conns ...net.Conn) {
	t.last.Store(time.Now().UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = conns
}

// arm sets how long a read may take. Once drained, reads are short.
func (t *traffic) arm(conn net.Conn, idle time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.drained {
		idle = quiet
	}
	_ = conn.SetReadDeadline(time.Now().Add(idle))
}

// wake makes both directions look up; see session.drain.
func (t *traffic) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drained = true
	for _, conn := range t.reading {
		_ = conn.SetReadDeadline(time.Now())
	}
}

// end makes the way up stop: the backend has said all that it had to say.
func (t *traffic) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.wake()
}

func (t *traffic) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// quiet is the silence after which a session that should end is taken to be
// between two commands.
const quiet = 200 * time.Millisecond

var relayBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// relay moves bytes both ways until the backend has closed, one side has
// failed, or both have been silent for too long.
func (ses *session) relay() error {
	client, fromClient, err := ses.front.Detach()
	if err != nil {
		return gate.FromClient(err)
	}
	backend, fromBackend, err := ses.back.Detach()
	if err != nil {
		return gate.FromBackend(err)
	}
	ses.relayed.begin(client, backend)
	if ses.draining.Load() {
		ses.relayed.wake()
	}
	up := pipe{ses: ses, from: client, to: backend, count: &ses.relayed.up}
	down := pipe{ses: ses, from: backend, to: client, count: &ses.relayed.down, toClient: true}
	ended := make(chan struct{})
	var broken error // of the way up; read when ended is closed
	go func() {
		defer close(ended)
		if broken = up.flow(fromClient); broken != nil {
			_ = backend.Close() // ends the way down too
		}
	}()
	err = down.flow(fromBackend)
	ses.relayed.end()
	<-ended
	if broken != nil {
		return broken
	}
	return err
}

// pipe is one direction of a relay.
type pipe struct {
	ses      *session
	from, to net.Conn
	count    *atomic.Int64
	toClient bool
	midLine  bool // the last byte was not the end of a line
}

// flow moves first, and then all that from has to say. The way up ends with
// nil; the way down, on which the session depends, always has a reason.
func (p *pipe) flow(first []byte) error {
	if err := p.write(first); err != nil {
		return err
	}
	buffer := relayBuffers.Get().(*[32 << 10]byte)
	defer relayBuffers.Put(buffer)
	idle := p.ses.server.Timeouts.Idle
	for {
		p.ses.relayed.arm(p.from, idle)
		n, err := p.from.Read(buffer[:])
		if n > 0 {
			if err := p.write(buffer[:n]); err != nil {
				return err
			}
			continue
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if over, err := p.silence(idle); over {
				return err
			}
		default:
			return p.ended()
		}
	}
}

// silence decides what a read without bytes means.
func (p *pipe) silence(idle time.Duration) (over bool, err error) {
	since := time.Since(time.Unix(0, p.ses.relayed.last.Load()))
	switch {
	case p.ses.relayed.over():
		return true, nil
	case p.ses.draining.Load() && p.toClient && !p.midLine && since >= quiet:
		return true, gate.Because(gate.Shutdown, nil)
	case since >= idle:
		return true, gate.Because(gate.Timeout, nil)
	}
	return false, nil
}

// ended is the end of what from has to say. A client that has closed its half
// has the backend's closed in turn, and may still hear the rest; a backend that
// has said all ends the session.
func (p *pipe) ended() error {
	if p.toClient {
		return gate.Because(gate.Done, nil)
	}
	if half, ok := p.to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return nil
}

func (p *pipe) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.ses.relayed.last.Store(time.Now().UnixNano())
	_ = p.to.SetWriteDeadline(time.Now().Add(p.ses.server.Timeouts.Command))
	n, err := p.to.Write(b)
	p.count.Add(int64(n))
	p.midLine = b[len(b)-1] != '\n'
	switch {
	case err == nil:
		return nil
	case p.toClient:
		return gate.FromClient(err)
	}
	return gate.FromBackend(err)
}
