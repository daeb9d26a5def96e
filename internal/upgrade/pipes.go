package upgrade

import (
	"context"
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
