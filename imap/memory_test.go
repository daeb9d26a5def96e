package imap

import (
	"bytes"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
	"github.com/letterlock/letterlock/internal/wire"
)

// clientSending returns a client that sends pieces of at most n bytes.
func clientSending(text string, n int) *gatetest.Client {
	return &gatetest.Client{Text: []byte(text), Piece: func() int { return n }}
}

// server is a backend that replies to each request that it can parse. It uses
// the gate's parser, so that a test sees the meaning of a request.
type server struct {
	net.Conn
	answer   func(cmd command) string
	received []command
	partial  []byte
	pending  bytes.Buffer
}

func (s *server) Write(p []byte) (int, error) {
	s.partial = append(s.partial, p...)
	for {
		cmd, used, waits := readRequest(s.partial)
		if waits {
			s.pending.WriteString("+ go on\r\n")
		}
		if used == 0 {
			return len(p), nil
		}
		s.partial = s.partial[used:]
		s.received = append(s.received, cmd)
		s.pending.WriteString(s.answer(cmd))
	}
}

func (s *server) Read(p []byte) (int, error)       { return s.pending.Read(p) }
func (s *server) SetReadDeadline(time.Time) error  { return nil }
func (s *server) SetWriteDeadline(time.Time) error { return nil }

// readRequest reads a whole command with its literals. used is 0 if the command
// is incomplete; waits reports whether it ends in a literal that waits for a
// "+".
func readRequest(b []byte) (cmd command, used int, waits bool) {
	end := bytes.Index(b, []byte(crlf))
	if end < 0 {
		return cmd, 0, false
	}
	cmd, err := parseCommand(string(b[:end]))
	if err != nil {
		return command{tag: "?", name: string(b[:end])}, end + len(crlf), false
	}
	rest := b[end+len(crlf):]
	for cmd.next.announced {
		if len(rest) == 0 && cmd.next.waits {
			return cmd, 0, true
		}
		size := cmd.next.size
		end := -1
		if len(rest) >= size {
			end = bytes.Index(rest[size:], []byte(crlf))
		}
		if end < 0 {
			return cmd, 0, false
		}
		literal := string(rest[:size])
		var text string
		text, cmd.next, _ = cutLiteral(string(rest[size : size+end]))
		cmd.args.add(literal, text)
		rest = rest[size+end+len(crlf):]
	}
	return cmd, len(b) - len(rest), false
}

// conn returns a connection to the server, which has sent its greeting.
func (s *server) conn(greeting string) *wire.Stream {
	s.pending.WriteString(greeting + crlf)
	return gatetest.Back(s)
}

// settled returns a gate after TLS, with its backend.
func settled(s *gate.Session, client *gatetest.Client, back *server, greeting string) (*Gate, error) {
	g := New(s)
	front, backend := client.Front(), back.conn(greeting)
	g.front = front
	if err := g.Open(backend); err != nil {
		return g, err
	}
	err := g.Settle(front, backend)
	_ = front.Flush()
	return g, err
}
