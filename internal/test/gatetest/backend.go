package gatetest

import (
	"bytes"
	"net"
	"strings"
	"time"
)

// Backend is a backend in memory that answers each line at once.
type Backend struct {
	net.Conn
	Answer   func(line string) string // with its CRLF
	Received []string
	Replies  bytes.Buffer // replies that have not been read yet

	partial string
}

// Scripted returns a backend that greets with the text before the first bar of
// a script, and answers each line with the text up to the next bar.
func Scripted(script string) *Backend {
	replies := strings.Split(script, "|")
	b := &Backend{Answer: func(string) (reply string) {
		if len(replies) > 0 {
			reply, replies = replies[0]+"\r\n", replies[1:]
		}
		return reply
	}}
	b.Replies.WriteString(b.Answer(""))
	return b
}

func (b *Backend) Write(p []byte) (int, error) {
	b.partial += string(p)
	for {
		line, rest, whole := strings.Cut(b.partial, "\r\n")
		if !whole {
			return len(p), nil
		}
		b.partial = rest
		b.Received = append(b.Received, line)
		b.Replies.WriteString(b.Answer(line))
	}
}

func (b *Backend) Read(p []byte) (int, error) { return b.Replies.Read(p) }

// SetReadDeadline does nothing: data in memory is available at once.
func (*Backend) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (*Backend) SetWriteDeadline(time.Time) error { return nil }
