package upgrade

import (
	"context"
	"errors"
	"os"
	"time"
)

// pipes are the ends that one process has of the two pipes.
type pipes struct{ in, out *os.File }

// newPipes returns the ends of this process and those of the new one.
func newPipes() (ours, theirs *pipes, err error) {
	ours, theirs = &pipes{}, &pipes{}
	if ours.in, theirs.out, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if theirs.in, ours.out, err = os.Pipe(); err != nil {
		_ = ours.in.Close()
		_ = theirs.out.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

func (p *pipes) close() {
	_ = p.in.Close()
	_ = p.out.Close()
}

// fillTime is how long fill waits for a full pipe, which has no reader yet.
const fillTime = 20 * time.Millisecond

// fill writes a message to the pipe before it has a reader, as far as the pipe has
// room: 64 KiB on Linux, or one page for a user with very many pipes. It returns the
// rest.
func (p *pipes) fill(m message) (rest []byte, err error) {
	text, err := frame(m)
	if err != nil {
		return nil, err
	}
	p.deadline(context.Background(), fillTime)
	n, err := p.out.Write(text)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return text[n:], err
}

// deadline bounds the reads and writes from now on, unless ctx has ended.
func (p *pipes) deadline(ctx context.Context, wait time.Duration) {
	by := time.Now().Add(wait)
	_ = p.in.SetReadDeadline(by)
	_ = p.out.SetWriteDeadline(by)
	if ctx.Err() != nil { // expire may have come first
		p.expire()
	}
}

// expire ends the reads and writes at once.
func (p *pipes) expire() {
	_ = p.in.SetReadDeadline(time.Unix(1, 0))
	_ = p.out.SetWriteDeadline(time.Unix(1, 0))
}
