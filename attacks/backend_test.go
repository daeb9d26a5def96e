package attacks

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// backend is a legacy server that trusts every client, and records what it
// receives. It must be configured before the world opens.
type backend struct {
	protocol string
	greeting string
	offers   []string // capabilities, a line or a word each
	// answer overrides the reply to a line; ok is false for the usual reply.
	answer func(line string) (reply string, ok bool)
	ends   func(text []byte) (message, end int) // of DATA; see laxEnd
	lost   bool                                 // it does not count literals: their content is run
	silent bool                                 // it hangs up instead of greeting
	// verdict overrides the reply to a message, chunked that to a chunk.
	verdict  string
	decide   func() // is called before the reply to a message
	chunked  func(line string) (reply string)
	farewell string // is sent when the client closes its half

	listener net.Listener
	running  sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
	bytes    []byte
	lines    []string // the lines that it has run as commands
	mail     []string // the messages that it has accepted
	left     int      // the number of sessions that have ended
	sent     atomic.Int64
}

// hangUp is the reply of a backend that closes the connection.
const hangUp = "\x00"

func newBackend(t *testing.T, protocol string) *backend {
	t.Helper()
	b := &backend{protocol: protocol, listener: loopback.Listen(t), greeting: greetings[protocol], offers: slices.Clone(offers[protocol]), ends: laxEnd}
	t.Cleanup(b.close)
	return b
}

// start begins to serve; afterwards the configuration is fixed.
func (b *backend) start() { b.running.Go(b.accept) }

func (b *backend) address() string { return b.listener.Addr().String() }

func (b *backend) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.mu.Unlock()
		b.running.Go(func() {
			defer func() { _ = conn.Close() }()
			b.serve(&speaker{backend: b, conn: conn})
			b.mu.Lock()
			b.left++
			b.mu.Unlock()
		})
	}
}

func (b *backend) serve(s *speaker) {
	if b.silent || !s.reply(b.greeting) {
		return
	}
	for {
		line, ok := s.line()
		if !ok {
			_ = s.reply(b.farewell)
			return
		}
		if line == "" {
			continue
		}
		b.mu.Lock()
		b.lines = append(b.lines, line)
		b.mu.Unlock()
		reply, ok := "", false
		if b.answer != nil {
			reply, ok = b.answer(line)
		}
		if !ok {
			reply = answers[b.protocol](s, line)
		}
		if reply == hangUp || !s.reply(reply) {
			return
		}
	}
}

// close ends the backend after it has received everything that the proxy sent.
func (b *backend) close() {
	_ = b.listener.Close()
	b.running.Wait()
}

func (b *backend) received() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.bytes)
}

func (b *backend) ran() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (b *backend) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mail)
}

func (b *backend) sessions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// open returns the number of sessions that have not ended.
func (b *backend) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns) - b.left
}

// speaker is one session of a backend.
type speaker struct {
	*backend
	conn    net.Conn
	pending []byte
	behind  bool // after a CR: an LF that follows belongs to it
	authed  bool
}

func (s *speaker) reply(text string) bool {
	n, err := io.WriteString(s.conn, text)
	s.sent.Add(int64(n))
	return err == nil
}

// broadcast sends a text in every session.
func (b *backend) broadcast(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		_, _ = io.WriteString(conn, text)
	}
}

// more reads once from the connection.
func (s *speaker) more() bool {
	buffer := make([]byte, 32<<10)
	n, err := s.conn.Read(buffer)
	s.mu.Lock()
	s.bytes = append(s.bytes, buffer[:n]...)
	s.mu.Unlock()
	s.pending = append(s.pending, buffer[:n]...)
	s.joinLF()
	return err == nil
}

// joinLF drops the LF after a CR that has ended a line.
func (s *speaker) joinLF() {
	if s.behind && len(s.pending) > 0 {
		s.pending = bytes.TrimPrefix(s.pending, []byte("\n"))
		s.behind = false
	}
}

// line returns the next line, ended by CR, LF or CRLF as in lenient servers.
func (s *speaker) line() (string, bool) {
	for {
		if i := bytes.IndexAny(s.pending, "\r\n"); i >= 0 {
			line := strings.ReplaceAll(string(s.pending[:i]), "\x00", "")
			s.behind = s.pending[i] == '\r'
			s.pending = s.pending[i+1:]
			s.joinLF()
			return line, true
		}
		if !s.more() {
			return "", false
		}
	}
}

// counted returns the next n bytes.
func (s *speaker) counted(n int) (string, bool) {
	for len(s.pending) < n {
		if !s.more() {
			return "", false
		}
	}
	text := string(s.pending[:n])
	s.pending = s.pending[n:]
	return text, true
}

// login answers a SASL exchange with as many challenges as the mechanism has,
// and accepts every response.
func (s *speaker) login(mechanism, initial, challenge, yes string) string {
	rounds := 1
	if strings.EqualFold(mechanism, "LOGIN") {
		rounds = 2
	}
	switch initial {
	case "=", `""`:
		return refusals[s.protocol]
	case ".":
	default:
		rounds--
	}
	for range rounds {
		if !s.reply(challenge) {
			return hangUp
		}
		line, ok := s.line()
		if !ok {
			return hangUp
		}
		if response := strings.Trim(line, `"`); response == "*" || response == "" {
			return refusals[s.protocol]
		}
	}
	s.authed = true
	return yes
}

// refusals holds the replies to a cancelled SASL exchange. The caller prefixes
// IMAP's with the tag of the command.
var refusals = map[string]string{
	"smtp": "501 5.7.0 cancelled\r\n", "pop3": "-ERR cancelled\r\n", "sieve": "NO \"cancelled\"\r\n", "imap": "BAD cancelled\r\n",
}
