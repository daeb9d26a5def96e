package loghandler

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// broken is a writer that fails, or hangs, while err or hang is set.
type broken struct {
	mu   sync.Mutex
	text strings.Builder
	err  error
	room int           // bytes that are accepted before err
	hang chan struct{} // nil: does not hang
}

func (b *broken) Write(p []byte) (int, error) {
	b.mu.Lock()
	hang := b.hang
	b.mu.Unlock()
	if hang != nil {
		<-hang
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		return b.text.Write(p)
	}
	n := min(b.room, len(p))
	b.room -= n
	b.text.Write(p[:n])
	return n, b.err
}

func (b *broken) set(err error, room int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.room = err, room
}

func (b *broken) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// H13: while the log cannot be written, lines are lost and counted; the number
// is logged when the log can be written again. A partly written line counts as
// lost.
func TestH13_LossIsLogged(t *testing.T) {
	for _, room := range []int{0, 20} {
		for _, cause := range []error{syscall.EPIPE, syscall.ENOSPC, syscall.EIO} {
			b := &broken{}
			l := New(b, wide("text"))
			log := slog.New(l)
			log.Info("before")
			l.Flush(patience)
			b.set(cause, room)
			for i := range 5 {
				log.Info("during", "i", i)
				l.Flush(patience)
			}
			b.set(nil, 0)
			log.Info("after")
			l.Close(patience)
			want := `level=ERROR msg="log lines were lost" lines=5 error="` + cause.Error() + "\"\n"
			before, after, logged := strings.Cut(b.String(), want)
			if !logged || !strings.Contains(before, "msg=before\n") || !strings.HasSuffix(after, "msg=after\n") || strings.Count(after, "\n") != 1 {
				t.Errorf("%v, %d bytes:\n%s", cause, room, b)
			}
			for line := range strings.Lines(b.String()) {
				if len(line) != room+1 && !strings.Contains(line, " level=") {
					t.Errorf("%v: %q", cause, line)
				}
			}
			if c := l.Counts(); c.Failed != 5 || c.Blocked != 0 {
				t.Errorf("%v: %+v", cause, c)
			}
		}
	}
}

// H13: no session waits for a reader that does not read: lines without room are
// counted, and the number is logged in their place.
func TestH13_NobodyWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{hang: make(chan struct{})}
		l := New(b, wide("text"))
		log := slog.New(l)
		const lines = 20_000
		begun := time.Now()
		for i := range lines {
			log.Info("message", "i", i, from(address("192.0.2.1")), "words", strings.Repeat("x", 200))
		}
		if time.Since(begun) > 0 { // the bubble's clock only advances when all goroutines wait
			t.Error("logging has waited for the reader")
		}
		lost := l.Counts().Blocked
		if lost == 0 || len(l.queue.waiting) > maxWaiting {
			t.Errorf("%d lines are lost, %d bytes wait", lost, len(l.queue.waiting))
		}
		close(b.hang)
		l.Flush(patience)
		log.Info("after")
		l.Close(patience)
		synctest.Wait()
		want := fmt.Sprintf(`msg="log lines were lost" lines=%d error="the reader of the log does not read"`, lost)
		before, after, logged := strings.Cut(b.String(), want)
		if !logged || strings.Count(before, "msg=message") != lines-int(lost) || !strings.HasSuffix(after, "msg=after\n") {
			t.Errorf("%v, %d lines before\n%.2000s", logged, strings.Count(before, "msg=message"), after)
		}
	})
}

// Close does not wait for ever, and later lines are lost.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{hang: make(chan struct{})}
		l := New(b, wide("text"))
		slog.New(l).Info("message")
		begun := time.Now()
		l.Close(patience)
		if d := time.Since(begun); d != patience {
			t.Errorf("closed after %s", d)
		}
		slog.New(l).Info("too late")
		close(b.hang)
		synctest.Wait()
		if l.Counts().Blocked != 1 || strings.Contains(b.String(), "too late") {
			t.Errorf("%+v\n%s", l.Counts(), b)
		}
	})
}

// No line is lost if another process has made standard error non-blocking.
func TestNonBlockingWriter(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &again{w: write}
	l := New(b, wide("text"))
	slog.New(l).Info("message")
	l.Close(patience)
	_ = write.Close()
	text := make([]byte, 1000)
	n, _ := read.Read(text)
	if !strings.HasSuffix(string(text[:n]), "msg=message\n") || l.Counts() != (Counts{}) {
		t.Errorf("%q, %+v", text[:n], l.Counts())
	}
}

// again is a writer that accepts a byte, then is full for a while.
type again struct {
	w     *os.File
	calls int
}

func (a *again) Write(p []byte) (int, error) {
	if a.calls++; a.calls == 1 {
		n, err := a.w.Write(p[:1])
		return n, errors.Join(err, syscall.EAGAIN)
	}
	return a.w.Write(p)
}
