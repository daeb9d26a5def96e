package parking

import (
	"net"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// waiter sends each call of Woken to a channel.
type waiter chan bool

func (w waiter) Woken(reset bool) { w <- reset }

// pair returns the two ends of a connection.
func pair(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l := loopback.Listen(t)
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialled.Close(), accepted.Close() })
	return accepted.(*net.TCPConn), dialled.(*net.TCPConn)
}

func newPoller(t *testing.T) *Poller {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestParkWakesOnceForBytes(t *testing.T) {
	p, w, e := newPoller(t), make(waiter, 2), &Entry{}
	ours, theirs := pair(t)
	if _, err := theirs.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the bytes are still unread, so that the second call wakes the waiter too
		if !p.Park(w, e, ours) {
			t.Fatal("not parked")
		}
		if reset := <-w; reset {
			t.Error("woken for a reset")
		}
	}
	if n := len(w); n != 0 {
		t.Errorf("woken %d times more", n)
	}
	p.Leave(e)
}

func TestWatchWakesForTheEnd(t *testing.T) {
	p, w, e := newPoller(t), make(waiter, 2), &Entry{}
	ours, theirs := pair(t)
	p.Watch(w, e, ours)
	if _, err := theirs.Write([]byte("bytes do not wake")); err != nil {
		t.Fatal(err)
	}
	if err := theirs.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if reset := <-w; reset {
		t.Error("a closed half counts as a reset")
	}
	p.Watch(w, e, ours)
	_ = theirs.SetLinger(0)
	_ = theirs.Close()
	if reset := <-w; !reset {
		t.Error("a reset is not reported as one")
	}
	p.Leave(e)
}

// A registration that was removed is not woken, although the descriptor lives on
// with another waiter.
func TestLeave(t *testing.T) {
	p, gone, w, e := newPoller(t), make(waiter, 1), make(waiter, 1), &Entry{}
	ours, theirs := pair(t)
	p.Watch(gone, e, ours)
	p.Leave(e)
	next := &Entry{}
	p.Park(w, next, ours)
	_ = theirs.Close()
	<-w
	if len(gone) != 0 {
		t.Error("the removed waiter was woken")
	}
	p.Leave(next)
}

// Peek does not take the byte, and the end of a connection is none.
func TestPeek(t *testing.T) {
	p, w := newPoller(t), make(waiter, 2)
	ours, theirs := pair(t)
	check := func(wantByte, wantEnd bool) {
		t.Helper()
		if has, ended := Peek(ours); has != wantByte || ended != wantEnd {
			t.Errorf("a byte: %v, the end: %v; want %v, %v", has, ended, wantByte, wantEnd)
		}
	}
	check(false, false)
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	p.Park(w, &Entry{}, ours)
	<-w
	check(true, false)
	if n, err := ours.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	_ = theirs.Close()
	p.Park(w, &Entry{}, ours)
	<-w
	check(false, true)
	_ = ours.Close()
	if has, _ := Peek(ours); has {
		t.Error("a closed connection has a byte")
	}
}
