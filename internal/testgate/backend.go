package testgate

import (
	"bytes"
	"net"
	"strings"
	"time"
)

// Backend answers each line at once.
type Backend struct {
	net.Conn
	Answer func(line string) string // with its CRLF
	Heard  []string
	Says   bytes.Buffer // what it has said and is not read yet

	partial string
}

func (b *Backend) Write(p []byte) (int, error) {
	b.partial += string(p)
	for {
		line, rest, whole := strings.Cut(b.partial, "\r\n")
		if !whole {
			return len(p), nil
		}
		b.partial = rest
		b.Heard = append(b.Heard, line)
		b.Says.WriteString(b.Answer(line))
	}
}

func (b *Backend) Read(p []byte) (int, error) { return b.Says.Read(p) }

// SetReadDeadline does nothing: what is in memory is there at once.
func (*Backend) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing either.
func (*Backend) SetWriteDeadline(time.Time) error { return nil }
