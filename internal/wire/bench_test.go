package wire

import (
	"net"
	"strings"
	"testing"
	"time"
)

// endless is a peer that sends the same text again and again, without a socket.
type endless struct {
	net.Conn
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], e.text[e.at:])
		n += k
		e.at = (e.at + k) % len(e.text)
	}
	return n, nil
}

func (e *endless) SetReadDeadline(time.Time) error { return nil }

var commands = strings.Join([]string{
	"EHLO client.example.com", "MAIL FROM:<alice@example.com> SIZE=12345 BODY=8BITMIME", "RCPT TO:<bob@example.net>", "DATA", "",
}, "\r\n")

func newEndless() *Conn {
	return New(&endless{text: commands}, Limits{Line: 8 << 10, Wait: time.Minute})
}

// BenchmarkReadLine reads commands that have arrived together.
func BenchmarkReadLine(b *testing.B) {
	c := newEndless()
	b.SetBytes(int64(len(commands) / strings.Count(commands, "\n")))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ReadLine(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReadLineAllocatesNothing(t *testing.T) {
	c := newEndless()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.ReadLine(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
}
