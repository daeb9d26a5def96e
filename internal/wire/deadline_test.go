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
		send(t, peer, "EHLO\r\n")
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
		t.Fatalf("the last reply is %q, %v", words, err)
	}
}

// A step that Expire has ended is not extended by Deadline.
func TestDeadlineComesAfterExpire(t *testing.T) {
	c, peer := pair(t, generous)
	c.Expire()
	c.Deadline(time.Time{})
	send(t, peer, "NOOP\r\n")
	if line, err := c.ReadLine(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q, %v", line, err)
	}
}

// trickle sends single bytes until the test ends.
func trickle(t *testing.T, peer io.Writer, text string) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
			select {
			case <-stop:
				tick.Stop()
				return
			default:
				_, _ = io.WriteString(peer, text)
			}
		}
	}()
}

// A text that arrives byte by byte exceeds the deadline of its step.
func TestDeadlineEndsAText(t *testing.T) {
	c, peer := pair(t, generous)
	c.Deadline(time.Now().Add(50 * time.Millisecond))
	trickle(t, peer, "x")
	for {
		b, err := c.Peek()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Discard(len(b))
	}
}

// All lines of a backend's reply share one deadline, whatever its length; the
// next reply has a new one.
func TestOneDeadlineForAReply(t *testing.T) {
	limits := generous
	limits.Backend, limits.Wait, limits.Text = true, 50*time.Millisecond, time.Hour
	for name, read := range map[string]func(*Conn) error{
		"lines":    func(c *Conn) error { _, err := c.ReadLine(); return err },
		"literals": func(c *Conn) error { _, err := c.Literal(1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pair(t, limits)
			trickle(t, peer, "250-x\r\n")
			var err error
			for err == nil {
				err = read(c)
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			c.Print("NOOP\r\n")
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := read(c); err != nil {
				t.Fatalf("the next reply: %v", err)
			}
			c.AwaitVerdict()
			time.Sleep(2 * limits.Wait)
			if err := read(c); err != nil {
				t.Fatalf("a verdict: %v", err)
			}
		})
	}
}

// The buffer for a line never grows beyond the longest line.
func TestBufferIsBounded(t *testing.T) {
	limits := generous
	limits.Line = 5000
	c, peer := pair(t, limits)
	send(t, peer, string(make([]byte, 100_000)))
	if _, err := c.ReadLine(); !errors.Is(err, ErrLineTooLong) {
		t.Fatal(err)
	}
	if len(c.in) > limits.Line {
		t.Errorf("the buffer has %d bytes", len(c.in))
	}
}
