package imap

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// stream is a client that has said all it will say; it is read in pieces.
type stream struct {
	net.Conn
	text  []byte
	piece func() int
	told  bytes.Buffer
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, s.piece()))], s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *stream) Write(p []byte) (int, error)      { return s.told.Write(p) }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// pieces of at most n bytes.
func says(text string, n int) *stream {
	return &stream{text: []byte(text), piece: func() int { return n }}
}

// server is a backend that answers each request it can read. It reads with
// the gate's own parser, so that a test sees what a request means.
type server struct {
	net.Conn
	answer  func(cmd command) string
	heard   []command
	partial []byte
	pending bytes.Buffer
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
		s.heard = append(s.heard, cmd)
		s.pending.WriteString(s.answer(cmd))
	}
}

func (s *server) Read(p []byte) (int, error)       { return s.pending.Read(p) }
func (s *server) SetReadDeadline(time.Time) error  { return nil }
func (s *server) SetWriteDeadline(time.Time) error { return nil }

// readRequest reads a whole command with its literals; used is 0 if there is
// none yet, and then waits says that it ends in a literal that wants a "+".
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

var testLimits = wire.Limits{Line: 4 << 10, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second}

func newFront(s *stream) *wire.Conn {
	front := wire.New(s, testLimits)
	front.Handshake = func(net.Conn) (*tls.Conn, error) { return nil, errors.New("no handshake here") }
	return front
}

// conn is the server when it has greeted.
func (s *server) conn(greeting string) *wire.Conn {
	s.pending.WriteString(greeting + crlf)
	limits := testLimits
	limits.Lenient = true
	return wire.New(s, limits)
}

func session(errors int) *gate.Session {
	return &gate.Session{
		ID: "ID", Hostname: "mail.example.com", Banner: "ready",
		Strong: func(*tls.ConnectionState) bool { return true },
		Limits: gate.Limits{Token: 4 << 10, Literal: 4 << 10, Errors: errors},
		Watch:  &witness{},
	}
}

// settled is a gate behind TLS, as far as it can tell, with its backend.
func settled(s *gate.Session, client *stream, back *server, greeting string) (*Gate, error) {
	g := New(s)
	front, backend := newFront(client), back.conn(greeting)
	g.front = front
	if err := g.Open(backend); err != nil {
		return g, err
	}
	err := g.Settle(front, backend)
	_ = front.Flush()
	return g, err
}

// witness is a Watch that remembers.
type witness struct {
	refused  []string
	admitted []string
	logins   []string
	full     bool // admits nobody
}

func (w *witness) Refused(command string) { w.refused = append(w.refused, command) }

func (w *witness) Admit(user string) error {
	w.admitted = append(w.admitted, user)
	if w.full {
		return errors.New("too many failures")
	}
	return nil
}

func (w *witness) Login(user, mechanism string, ok bool) {
	verdict := " no"
	if ok {
		verdict = " yes"
	}
	w.logins = append(w.logins, user+" "+mechanism+verdict)
}
