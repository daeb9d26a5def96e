package proxy

import (
	"errors"
	"math"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// pipe is one direction of a relay.
type pipe struct {
	relay    *relay
	from, to net.Conn
	source   *wire.Records
	sink     *wire.Records // nil where there is no TLS
	oversee  func([]byte) error
	count    atomic.Int64 // bytes moved
	readBy   int64        // the deadlines that are set, in Unix nanoseconds; see never
	writeBy  int64
	spot     spot   // its place in the parking lot
	wokenAt  uint32 // when it was last called out of there, in Unix milliseconds
	parked   bool   // guarded by the relay's mutex
	settled  bool   // it has been parked before
	ended    bool   // guarded by the relay's mutex
	bulk     bool   // reads have been filling their buffers
	sparse   bool   // it is called seldom: whatever comes is moved, and that is all
	midLine  bool   // the last byte was not the end of a line
}

const (
	// parkAfter is the silence after which a direction gives up its buffer and
	// its goroutine. A session in use never waits that long within a command.
	parkAfter = 250 * time.Millisecond

	// seldom is the time between two calls out of the parking lot, in milliseconds,
	// from which on a direction does not wait for more: it moves what it was
	// called for and is parked again. Keepalives come like that, all day, in
	// thousands of sessions, and the wait would cost more than they do.
	seldom = 1000

	// never is a deadline that is not set.
	never = math.MaxInt64

	// quiet is the silence after which a backend that should hear no more is
	// taken to be between two replies.
	quiet = 200 * time.Millisecond

	// parting is the silence of a client after which a backend that has closed
	// its half has heard all. A client that has seen its end closes too.
	parting = time.Second

	// stuck is the silence after which it is not waited for the end of a line
	// any more: COMPRESS has none (RFC 4978), and no goodbye fits in there.
	stuck = 3 * time.Second
)

func (p *pipe) connect(r *relay, from, to net.Conn) {
	p.relay, p.from, p.to = r, from, to
	p.source, p.sink = wire.Under(from), wire.Under(to)
}

// socket is what is under from.
func (p *pipe) socket() net.Conn {
	if p.source != nil {
		return p.source.Conn
	}
	return p.from
}

// start moves what has been read already, and then all that from has to say.
func (p *pipe) start(first []byte) {
	defer p.relay.ses.guard(p.crashed)
	if err := p.write(first); err != nil {
		p.relay.ended(p, err)
		return
	}
	p.flow()
}

// flow moves bytes until from ends, the relay does, or nothing comes for a
// while: then the direction is parked, and a new flow begins when there is
// something to read.
func (p *pipe) flow() {
	for {
		moved, err := p.step()
		switch {
		case moved && err == nil && !p.sparse:
			continue
		case moved && err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			p.relay.ended(p, p.reason(err))
			return
		default:
			if over, err := p.idle(); over {
				p.relay.ended(p, err)
				return
			}
		}
		if p.park() {
			return
		}
	}
}

// resume is the flow of a direction that was parked.
func (p *pipe) resume() {
	defer p.relay.ses.guard(p.crashed)
	now := uint32(time.Now().UnixMilli()) // going round once in 49 days does no harm
	p.sparse = now-p.wokenAt >= seldom
	p.wokenAt = now
	p.flow()
}

// errReading marks the end of from, of whatever kind; errors of writing have
// their reasons already.
var errReading = errors.New("nothing more to read")

func (p *pipe) reason(err error) error {
	if !errors.Is(err, errReading) {
		return err
	}
	if p == &p.relay.down {
		return gate.Because(gate.Done, nil)
	}
	return nil
}

// step reads once and writes what was read.
func (p *pipe) step() (moved bool, err error) {
	p.armRead()
	if p.bulk {
		buffer := wire.TakeLarge()
		defer buffer.Give()
		return p.move(buffer[:wire.Bulk])
	}
	buffer := wire.TakeSmall()
	defer buffer.Give()
	return p.move(buffer[:])
}

func (p *pipe) move(buffer []byte) (moved bool, err error) {
	n, err := p.read(buffer)
	if n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, err
		}
		if p == &p.relay.up {
			p.relay.heard = err
		}
		return false, errReading
	}
	p.bulk = n >= len(wire.SmallBuffer{})
	p.sparse = p.sparse && !p.bulk
	return true, p.write(buffer[:n])
}

// read waits for some bytes. Before a direction is parked nothing may stay in
// crypto/tls, where epoll would not see it: a deadline has shown that there is
// nothing, or all is taken.
func (p *pipe) read(buffer []byte) (int, error) {
	switch {
	case p.source == nil:
	case p.sparse:
		return p.source.ReadReady(p.from, buffer)
	case p.bulk:
		return p.source.ReadAll(p.from, buffer)
	}
	return p.from.Read(buffer)
}

// write sends all of b, within the time that a peer has for taking it.
func (p *pipe) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if p.oversee != nil {
		if err := p.oversee(b); err != nil {
			return err
		}
	}
	now := time.Now()
	p.relay.moved(now)
	if by, late := renewed(p.writeBy, now, p.relay.ses.rules().Timeouts.Command); late {
		p.writeBy = by.UnixNano()
		_ = p.to.SetWriteDeadline(by)
	}
	var err error
	if p.sink != nil {
		_, err = p.sink.WriteAll(p.to, b)
	} else {
		_, err = p.to.Write(b)
	}
	p.midLine = b[len(b)-1] != '\n'
	switch {
	case err == nil:
		p.count.Add(int64(len(b)))
		return nil
	case p == &p.relay.down:
		return gate.FromClient(err)
	}
	return gate.FromBackend(err)
}

// renewed is the deadline for a wait, and whether the one that is set will not
// do. Setting one costs more than a small read, so the old one stays while half
// of the wait is left.
func renewed(set int64, now time.Time, wait time.Duration) (by time.Time, late bool) {
	left := time.Duration(set - now.UnixNano())
	return now.Add(wait), left < wait/2 || left > wait
}

// armRead sees that a read ends soon after parkAfter. For one that is called
// seldom there is something to read, and no deadline is needed.
func (p *pipe) armRead() {
	if p.sparse && p.readBy != never {
		p.readBy = never
		_ = p.socket().SetReadDeadline(time.Time{})
	}
	ending, hurry := p.relay.told()
	p.sparse = p.sparse && !ending && !hurry
	wait := parkAfter
	switch {
	case p.sparse:
		return
	case ending || hurry:
		wait = quiet
	}
	if by, late := renewed(p.readBy, time.Now(), wait); late {
		p.readBy = by.UnixNano()
		_ = p.socket().SetReadDeadline(by)
	}
}

// idle decides what a read without bytes means.
func (p *pipe) idle() (over bool, err error) {
	p.readBy = 0
	ending, hurry := p.relay.told()
	switch {
	case ending:
		return !p.relay.outlasts(time.Now()), nil
	case hurry && p == &p.relay.down && !p.midLine && p.relay.silence(time.Now()) >= quiet:
		return true, gate.Because(gate.Shutdown, nil)
	case hurry && p == &p.relay.down && p.relay.silence(time.Now()) >= stuck:
		p.relay.keepSilent()
		return true, gate.Because(gate.Shutdown, nil)
	}
	return false, nil
}

// park gives the goroutine up until there is something to read.
func (p *pipe) park() (parked bool) {
	r := p.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending || r.hurry {
		return false
	}
	p.parked = true // before arming: it may be woken at once
	if !r.ses.server.lot.park(p) {
		p.parked = false
	}
	if p.parked && !p.settled {
		p.settled = true
		r.ses.server.parkings.Add(1)
	}
	return p.parked
}

// crashed ends the session after a panic. The connections may have been left in
// the middle of anything, so that no goodbye is said.
func (p *pipe) crashed(err error) {
	p.relay.keepSilent()
	p.relay.ended(p, err)
}

// woken implements waiter.
func (p *pipe) woken(bool) { p.unpark() }

// unpark starts a parked direction again; it reports whether it was parked.
func (p *pipe) unpark() bool {
	p.relay.mu.Lock()
	was := p.parked
	p.parked = false
	p.relay.mu.Unlock()
	if was {
		p.relay.ses.server.crew.do(p.resume)
	}
	return was
}
