package proxy

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/parking"
	"github.com/letterlock/letterlock/internal/wire"
)

// pipe is one direction of a relay.
type pipe struct {
	relay     *relay
	direction direction
	state     state // guarded by the relay's mutex
	from, to  net.Conn
	source    *wire.Records // under from; nil: no TLS
	sink      *wire.Records // under to; nil: no TLS
	inspect   func([]byte) error
	count     atomic.Int64 // bytes copied
	readBy    int64        // the deadlines that are set, in Unix nanoseconds; see never
	writeBy   int64
	entry     parking.Entry
	wokenAt   uint32 // when it was last woken, in Unix milliseconds
	settled   bool   // it has been parked before
	bulk      bool   // reads fill their buffers
	sparse    bool   // bytes arrive seldom: it copies the available ones and is parked again
	midLine   bool   // the last byte was not the end of a line
}

// direction is the direction in which a pipe copies.
type direction uint8

const (
	toBackend direction = iota // from the client
	toClient                   // from the backend
)

func (p *pipe) connect(r *relay, d direction, from, to net.Conn) {
	p.relay, p.direction, p.state, p.from, p.to = r, d, running, from, to
	p.source, p.sink = wire.Under(from), wire.Under(to)
}

// socket returns the connection under from.
func (p *pipe) socket() net.Conn {
	if p.source != nil {
		return p.source.Conn
	}
	return p.from
}

// start copies the bytes that were read before the relay, and then those that
// follow.
func (p *pipe) start(first []byte) {
	defer p.relay.ses.guard(p.crashed)
	if err := p.write(first); err != nil {
		p.relay.ended(p, err)
		return
	}
	p.flow()
}

// flow copies bytes until the direction has ended or is parked. A parked direction
// continues with resume.
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

// resume continues the flow of a direction that was parked.
func (p *pipe) resume() {
	defer p.relay.ses.guard(p.crashed)
	now := uint32(time.Now().UnixMilli()) // wraps every 49 days, which is harmless
	p.sparse = now-p.wokenAt >= seldom
	p.wokenAt = now
	p.flow()
}

// errReading marks the end of from: a closed half, or any error. Errors of
// writing have a reason already.
var errReading = errors.New("nothing more to read")

// reason returns why the session ends if a direction ends with an error. If the
// client closes its half, that is not a reason, because the backend may still
// reply.
func (p *pipe) reason(err error) error {
	switch {
	case !errors.Is(err, errReading):
		return err
	case p.direction == toClient:
		return gate.Because(gate.Done, nil)
	}
	return nil
}

// closedHalf reports whether a direction that has ended for a reason has copied
// all bytes of its source, so that the other side may still send.
func (p *pipe) closedHalf(reason error) bool {
	if p.direction == toClient {
		return reason != nil && gate.ReasonOf(reason) == gate.Done
	}
	return reason == nil
}

// step reads once and writes what was read.
func (p *pipe) step() (moved bool, err error) {
	p.armRead()
	if !p.bulk {
		buffer := wire.TakeSmall()
		defer buffer.Give()
		return p.move(buffer[:])
	}
	if buffer := wire.TakeLarge(); buffer != nil {
		defer buffer.Give()
		return p.move(buffer[:wire.Bulk])
	}
	buffer := wire.TakeRecord()
	defer buffer.Give()
	return p.move(buffer[:])
}

func (p *pipe) move(buffer []byte) (moved bool, err error) {
	n, err := p.read(buffer)
	if n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, err
		}
		if p.direction == toBackend {
			p.relay.readErr = err
		}
		if !errors.Is(err, net.ErrClosed) {
			p.relay.ses.record(p.direction.source(), wire.Closed, nil)
		}
		return false, errReading
	}
	p.bulk = n >= len(wire.SmallBuffer{})
	p.sparse = p.sparse && !p.bulk
	return true, p.write(buffer[:n])
}

// read waits for some bytes. Before a direction is parked, no byte may remain
// in crypto/tls, where epoll would not notice it: either a read has exceeded
// its deadline, or it has read all bytes.
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

// write sends all of b, within the time that a peer has for reading it.
func (p *pipe) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if p.inspect != nil {
		if err := p.inspect(b); err != nil {
			return err
		}
	}
	p.relay.ses.record(p.direction.source(), wire.Raw, b)
	now := time.Now()
	p.relay.moved(now)
	if by, late := renewed(p.writeBy, now, p.relay.ses.rules().Timeouts.Command); late {
		p.writeBy = by.UnixNano()
		_ = p.to.SetWriteDeadline(by)
	}
	p.relay.ses.record(p.direction.sink(), wire.Raw, b) // now, because the other direction may read the reply before the write returns
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
	case p.direction == toClient:
		return gate.FromClient(err)
	}
	return gate.FromBackend(err)
}

// renewed returns the deadline for a wait, and whether it must be set. Setting
// a deadline costs more than a small read, so the old one is kept while half of
// the wait is left.
func renewed(set int64, now time.Time, wait time.Duration) (by time.Time, late bool) {
	left := time.Duration(set - now.UnixNano())
	return now.Add(wait), left < wait/2 || left > wait
}

// crashed ends the session after a panic. The connections may have stopped in
// the middle of a line, so the gate sends no goodbye.
func (p *pipe) crashed(err error) {
	p.relay.keepSilent()
	p.relay.ended(p, err)
}
