package loghandler

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxWaiting is the maximum of bytes that wait for the reader of the log.
const maxWaiting = 1 << 20

var errBlocked = errors.New("the reader of the log does not read")

// queue writes lines on its own goroutine, all waiting lines at once. No caller
// waits for it: while the writer fails or blocks, lines are lost, and the next
// line that can be written reports how many.
type queue struct {
	w    io.Writer
	loss func(lines int, cause error) []byte // returns the line about a loss

	failed, blocked atomic.Uint64 // lines that were lost

	mu      sync.Mutex
	change  sync.Cond // signals a change of waiting or closed
	waiting []byte
	skipped int // lines for which there was no room
	busy    bool
	flushed []chan struct{} // closed when no line is waiting
	closed  bool

	// Fields of the writing goroutine.
	lost  int   // lines since the last success
	cause error // of the loss
	torn  bool  // the last line was written in part
}

func newQueue(w io.Writer, loss func(int, error) []byte) *queue {
	q := &queue{w: w, loss: loss}
	q.change.L = &q.mu
	go q.run()
	return q
}

// put queues a copy of a line, or loses it.
func (q *queue) put(line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting)+len(line) > maxWaiting {
		q.skipped++
		q.blocked.Add(1)
		return
	}
	q.waiting = append(q.waiting, line...)
	q.change.Signal()
}

// flush waits until no line is waiting, at most patience.
func (q *queue) flush(patience time.Duration) {
	q.mu.Lock()
	if len(q.waiting) == 0 && !q.busy || q.closed {
		q.mu.Unlock()
		return
	}
	done := make(chan struct{})
	q.flushed = append(q.flushed, done)
	q.mu.Unlock()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	}
}

// close ends the goroutine, unless it hangs in a write.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Signal()
}

func (q *queue) run() {
	var spare []byte
	for {
		lines, skipped, ok := q.next(spare[:0])
		if !ok {
			return
		}
		q.write(lines, skipped)
		if spare = lines; cap(spare) > maxWaiting/16 {
			spare = nil
		}
	}
}

// next waits for lines, and takes all that are waiting. The report about
// skipped lines follows them.
func (q *queue) next(spare []byte) (lines []byte, skipped int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy = false; len(q.waiting) == 0; q.change.Wait() {
		for _, done := range q.flushed {
			close(done)
		}
		q.flushed = nil
		if q.closed {
			return nil, 0, false
		}
	}
	lines, skipped = q.waiting, q.skipped
	q.waiting, q.skipped, q.busy = spare, 0, true
	return lines, skipped, true
}

// write writes lines, and reports lines that are missing before or after them.
func (q *queue) write(lines []byte, skipped int) {
	if q.logLoss() {
		n, err := q.writeAll(lines)
		if err != nil {
			q.fail(bytes.Count(lines[n:], []byte("\n")), err)
		}
	} else {
		q.fail(bytes.Count(lines, []byte("\n")), q.cause)
	}
	if skipped > 0 {
		q.lost += skipped
		if q.cause == nil {
			q.cause = errBlocked
		}
		q.logLoss()
	}
}

// fail counts lines that could not be written.
func (q *queue) fail(lines int, cause error) {
	q.lost += lines
	q.cause = cause
	q.failed.Add(uint64(lines)) //nolint:gosec // a positive count
}

// logLoss writes how many lines were lost, if any were. It reports whether the
// writer works, as far as known.
func (q *queue) logLoss() bool {
	if q.lost == 0 {
		return true
	}
	line := q.loss(q.lost, q.cause)
	if q.torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := q.writeAll(line); err != nil {
		return false
	}
	q.lost, q.cause = 0, nil
	return true
}

// pause is the time until another attempt when a non-blocking writer is full.
const pause = 20 * time.Millisecond

// writeAll writes p, or as much as possible.
func (q *queue) writeAll(p []byte) (n int, err error) {
	for n < len(p) {
		var k int
		k, err = q.w.Write(p[n:])
		n += k
		switch {
		case errors.Is(err, syscall.EAGAIN): // another process has made standard error non-blocking
			time.Sleep(pause)
			err = nil
		case err == nil && k == 0:
			err = io.ErrShortWrite
		}
		if err != nil {
			break
		}
	}
	if n > 0 {
		q.torn = p[n-1] != '\n'
	}
	return n, err
}
