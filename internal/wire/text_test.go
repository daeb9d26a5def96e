package wire

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// text reads n bytes of a text, and reports whether a large buffer was ever
// used.
func text(t *testing.T, c *Conn, n int) (read string, large bool) {
	t.Helper()
	for len(read) < n {
		b, err := c.Peek()
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(read), err)
		}
		read += string(b)
		large = large || c.large != nil
		c.Discard(len(b))
	}
	return read, large
}

// A fast text gets a large buffer. A text that stops gives it back during the
// wait, and continues without loss.
func TestStalledTextHoldsNoLargeBuffer(t *testing.T) {
	limits := generous
	limits.Text = 2 * lull
	for name, plaintext := range map[string]bool{"in plaintext": true, "in TLS": false} {
		t.Run(name, func(t *testing.T) {
			c, peer := pair(t, limits)
			if !plaintext {
				c, peer, _ = inTLS(t)
				c.limits = limits
			}
			fast := strings.Repeat("0123456789abcdef", 32<<10/16)
			send(t, peer, fast)
			read, large := text(t, c, len(fast))
			if read != fast || !large {
				t.Fatalf("%d bytes were read, into a large buffer: %v", len(read), large)
			}
			if _, err := c.Peek(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("waiting for more: %v", err)
			}
			if c.large != nil {
				t.Error("the large buffer is kept during the wait")
			}
			send(t, peer, "more")
			if read, large := text(t, c, 4); read != "more" || large {
				t.Errorf("read %q, into a large buffer: %v", read, large)
			}
		})
	}
}

// Fill adds what has arrived to the buffer, and does not wait for the rest.
func TestFill(t *testing.T) {
	server, _, _, client := secure(t)
	below := client.NetConn().(*halved)
	c := New(server, generous)
	write := func(w io.Writer, text []byte) {
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	write(client, []byte("a line\r\nxy"))
	if line, err := c.ReadLine(); string(line) != "a line" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	if !c.Fill(2) || c.Fill(3) {
		t.Error("two bytes have come with the line, and not three")
	}
	below.on = true
	write(client, []byte("z"))
	if c.Fill(3) {
		t.Error("half a record has a byte")
	}
	write(below.Conn, below.rest)
	wait.Until(t, "the third byte does not arrive", func() bool { return c.Fill(3) })
	if text, err := c.Peek(); string(text) != "xyz" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if c.Fill(smallBuffer + 1) {
		t.Error("more than the buffer holds is there")
	}
}

// BenchmarkText reads a message that arrives as fast as it is read.
func BenchmarkText(b *testing.B) {
	c := newEndless()
	c.limits.Text = time.Minute
	b.ReportAllocs()
	var n int64
	for b.Loop() {
		p, err := c.Peek()
		if err != nil {
			b.Fatal(err)
		}
		n += int64(len(p))
		c.Discard(len(p))
	}
	b.SetBytes(n / int64(b.N))
}
