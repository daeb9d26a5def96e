package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func TestSpoke(t *testing.T) {
	for name, act := range map[string]struct {
		peer func(net.Conn)
		want bool
		err  error
	}{
		"speaks": {func(p net.Conn) { _, _ = io.WriteString(p, "EHLO\r\n") }, true, nil},
		"leaves": {func(p net.Conn) { _ = p.Close() }, false, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pair(t, generous)
			act.peer(peer)
			spoke, err := c.Spoke(10 * time.Second)
			if spoke != act.want || !errors.Is(err, act.err) {
				t.Fatal(spoke, err)
			}
		})
	}
	t.Run("waits", func(t *testing.T) {
		c, peer := pair(t, generous)
		if spoke, err := c.Spoke(time.Millisecond); spoke || err != nil {
			t.Fatal(spoke, err)
		}
		say(t, peer, "EHLO\r\n")
		if line, err := c.ReadLine(); string(line) != "EHLO" || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		c, _ := pair(t, generous)
		c.Interrupt()
		if _, err := c.Spoke(10 * time.Second); !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
	})
}

func TestExpireEndsTheStep(t *testing.T) {
	c, peer := pair(t, generous)
	ended := make(chan error)
	go func() {
		_, err := c.ReadLine()
		ended <- err
	}()
	c.Expire()
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	c.Print("bye\r\n")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if words, err := io.ReadAll(peer); string(words) != "bye\r\n" || err != nil {
		t.Fatalf("the last words are %q, %v", words, err)
	}
}

// A client that earns its patience while its place is wanted keeps it.
func TestLiftComesAfterExpire(t *testing.T) {
	c, peer := pair(t, generous)
	told := false
	c.Lifted = func() { told = true }
	c.Expire()
	c.Lift()
	say(t, peer, "NOOP\r\n")
	if line, err := c.ReadLine(); string(line) != "NOOP" || err != nil || !told {
		t.Fatalf("%q, %v, told %v", line, err, told)
	}
}

// G2: whoever sends a byte now and then meets the end of the transaction.
func TestTransactionEnds(t *testing.T) {
	limits := generous
	limits.Transaction = 50 * time.Millisecond
	c, peer := pair(t, limits)
	c.Hold()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
			select {
			case <-stop:
				tick.Stop()
				return
			default:
				_, _ = io.WriteString(peer, "x")
			}
		}
	}()
	for {
		b, err := c.Peek()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Hold() // does not begin anew
		c.Discard(len(b))
	}
	c.Release()
	if _, err := c.Peek(); err != nil {
		t.Fatalf("the next one has its own time: %v", err)
	}
}

// The buffer for a line never grows beyond the longest line.
func TestBufferIsBounded(t *testing.T) {
	limits := generous
	limits.Line = 5000
	c, peer := pair(t, limits)
	say(t, peer, string(make([]byte, 100_000)))
	if _, err := c.ReadLine(); !errors.Is(err, ErrLineTooLong) {
		t.Fatal(err)
	}
	if len(c.in) > limits.Line {
		t.Errorf("%d bytes are held", len(c.in))
	}
}
