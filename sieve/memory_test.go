package sieve

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
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

// server is a backend that answers each line at once.
type server struct {
	net.Conn
	answer  func(line string) string
	heard   []string
	partial string
	pending bytes.Buffer
}

func (s *server) Write(p []byte) (int, error) {
	s.partial += string(p)
	for {
		line, rest, whole := strings.Cut(s.partial, "\r\n")
		if !whole {
			return len(p), nil
		}
		s.partial = rest
		s.heard = append(s.heard, line)
		s.pending.WriteString(s.answer(line))
	}
}

func (s *server) Read(p []byte) (int, error)       { return s.pending.Read(p) }
func (s *server) SetReadDeadline(time.Time) error  { return nil }
func (s *server) SetWriteDeadline(time.Time) error { return nil }

var testLimits = wire.Limits{Line: 4 << 10, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second}

func newFront(s *stream) *wire.Conn {
	front := wire.New(s, testLimits)
	front.Handshake = func(net.Conn) (*tls.Conn, error) { return nil, errors.New("no handshake here") }
	return front
}

// greeting is the server when it has greeted.
func (s *server) greeting() *wire.Conn {
	s.pending.WriteString("\"SASL\" \"PLAIN LOGIN\"\r\n\"XCLIENT\"\r\nOK\r\n")
	return s.conn()
}

func (s *server) conn() *wire.Conn {
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

// witness is a Watch that remembers.
type witness struct {
	refused []string
	logins  []string
	full    bool // admits nobody
}

func (w *witness) Refused(command string) { w.refused = append(w.refused, command) }

func (w *witness) Admit(string) error {
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
