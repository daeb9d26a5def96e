package socketio

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// pair returns the two ends of a connection to a listener. Ours is a Conn.
func pair(t *testing.T, l net.Listener) (ours, theirs net.Conn) {
	t.Helper()
	theirs, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = accepted.Close(), theirs.Close() })
	ours = Wrap(accepted)
	if _, ok := ours.(*Conn); !ok {
		t.Fatalf("%T is not wrapped", accepted)
	}
	return ours, theirs
}

// Bytes pass in both directions, more than the socket buffers too, and the end of a
// half is the end.
func TestBothDirections(t *testing.T) {
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close() }()
	for _, l := range []net.Listener{loopback.Listen(t), unix} {
		t.Run(l.Addr().Network(), func(t *testing.T) {
			ours, theirs := pair(t, l)
			sent := bytes.Repeat([]byte("0123456789"), 1<<20)
			echoed := make(chan error, 1)
			go func() {
				_, err := io.Copy(theirs, theirs)
				echoed <- errors.Join(err, theirs.(interface{ CloseWrite() error }).CloseWrite())
			}()
			written := make(chan error, 1)
			go func() {
				n, err := ours.Write(sent)
				if n != len(sent) {
					err = errors.Join(err, io.ErrShortWrite)
				}
				written <- errors.Join(err, ours.(*Conn).CloseWrite())
			}()
			got, err := io.ReadAll(ours)
			if err := errors.Join(err, <-written, <-echoed); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, sent) {
				t.Errorf("%d bytes have come back from %d, or others", len(got), len(sent))
			}
		})
	}
}

// A failed operation has the error that it has in package net.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		is     error
		happen func(t *testing.T, conn, peer net.Conn) error
	}{
		{"reading for too long", os.ErrDeadlineExceeded, func(_ *testing.T, conn, _ net.Conn) error {
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			return err
		}},
		{"writing for too long", os.ErrDeadlineExceeded, func(t *testing.T, conn, _ net.Conn) error {
			large := make([]byte, 64<<20)
			_ = conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			n, err := conn.Write(large)
			if n == len(large) {
				t.Errorf("%d bytes were written", n)
			}
			return err
		}},
		{"closed by another goroutine", net.ErrClosed, func(_ *testing.T, conn, _ net.Conn) error {
			go func() { _ = conn.Close() }()
			_, err := conn.Read(make([]byte, 1))
			return err
		}},
		{"reset by the peer", syscall.ECONNRESET, func(_ *testing.T, conn, peer net.Conn) error {
			_ = peer.(*net.TCPConn).SetLinger(0)
			_ = peer.Close()
			_, err := conn.Read(make([]byte, 1))
			return err
		}},
		{"writing to a closed half", syscall.EPIPE, func(t *testing.T, conn, _ net.Conn) error {
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_, err := conn.Write([]byte("x"))
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := loopback.Listen(t)
			ours, theirs := pair(t, l)
			err := c.happen(t, ours, theirs)
			if !errors.Is(err, c.is) {
				t.Errorf("the error is %v, want %v", err, c.is)
			}
			plain, peer := pair(t, l)
			want := c.happen(t, plain.(*Conn).socket, peer)
			got := strings.NewReplacer(theirs.LocalAddr().String(), "PEER").Replace(err.Error())
			if want := strings.NewReplacer(peer.LocalAddr().String(), "PEER").Replace(want.Error()); got != want {
				t.Errorf("the error is %q, want %q", got, want)
			}
		})
	}
}

func TestNoBytes(t *testing.T) {
	ours, _ := pair(t, loopback.Listen(t))
	if n, err := ours.Read(nil); n != 0 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := ours.Write(nil); n != 0 || err != nil {
		t.Errorf("written %d, %v", n, err)
	}
}

// ReadNow does not wait, and returns bytes and the end like Read.
func TestReadNow(t *testing.T) {
	ours, theirs := pair(t, loopback.Listen(t))
	conn, b := ours.(*Conn), make([]byte, 10)
	if n, err := conn.ReadNow(b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a byte: %d, %v", n, err)
	}
	// next reads what has been sent, once that has arrived.
	next := func() (string, error) {
		for {
			n, err := conn.ReadNow(b)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return string(b[:n]), err
			}
		}
	}
	if _, err := io.WriteString(theirs, "some bytes"); err != nil {
		t.Fatal(err)
	}
	if got, err := next(); got != "some bytes" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = theirs.Close()
	if got, err := next(); got != "" || !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %q, %v", got, err)
	}
}
