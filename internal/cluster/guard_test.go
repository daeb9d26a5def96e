package cluster

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// readers is a connection that delivers its bytes in small pieces.
type pieces struct {
	net.Conn
	rest *bytes.Reader
}

func (p *pieces) Read(b []byte) (int, error) { return p.rest.Read(b[:min(len(b), 3)]) }
func (*pieces) Close() error                 { return nil }

func guarded(text string) *guard { return &guard{Conn: &pieces{rest: bytes.NewReader([]byte(text))}} }

func TestGuardAcceptsReplies(t *testing.T) {
	for _, text := range []string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "$0\r\n\r\n", "$5\r\nhe\nlo\r\n+OK\r\n",
		"*2\r\n$1\r\n1\r\n$1\r\n2\r\n:3\r\n", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n+OK\r\n", "*1\r\n*0\r\n*1\r\n*0\r\n",
	} {
		g := guarded(text)
		if got, err := io.ReadAll(g); err != nil || string(got) != text || len(g.open) != 0 {
			t.Errorf("%q: %q, %v, %d lists are open", text, got, err, len(g.open))
		}
	}
}

// A store cannot make the process allocate what it likes.
func TestH17_RepliesAreBounded(t *testing.T) {
	for _, text := range []string{
		"$9999999999\r\n", "$99999999999999999999999\r\n", "*999999999\r\n", "*1\r\n*1\r\n*1\r\n", "HTTP/1.1 200 OK\r\n",
		"\r\n", "\n", "+OK\n", "$x\r\n", "$\r\n", ">2\r\n", "%1\r\n", "+" + strings.Repeat("a", maxLine) + "\r\n",
	} {
		if got, err := io.ReadAll(guarded(text)); !errors.Is(err, errReply) {
			t.Errorf("%.40q: %.40q, %v", text, got, err)
		}
	}
}

func FuzzGuard(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n+OK\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		g := &guard{}
		if g.follow(text) && (len(g.open) > maxDepth || g.skip > maxBulk+2 || len(g.line) > maxLine) {
			t.Errorf("%q leaves %d lists, %d bytes, a line of %d", text, len(g.open), g.skip, len(g.line))
		}
	})
}
