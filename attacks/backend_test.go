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

// backend is a legacy server that trusts whoever connects, and records what
// it hears. It is scripted before the world opens.
type backend struct {
	protocol string
	greeting string
	offers   []string // capabilities, a line or a word each
	// answer overrides how a line is answered; ok is false for the usual way.
	answer func(line string) (reply string, ok bool)
	ends   func(text []byte) (message, end int) // of DATA; see laxEnd
	lost   bool                                 // it does not count literals: what stands in them is run
	silent bool                                 // it hangs up instead of greeting
	// verdict overrides the answer to a message, chunked that to a chunk.
	verdict  string
	decide   func() // is waited for before it
	chunked  func(line string) (reply string)
	farewell string // to a client that has closed its half

	listener net.Listener
	running  sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
	bytes    []byte
	lines    []string // that it has run as commands
	mail     []string // that it has taken
	left     int      // sessions that have ended
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

// start begins to serve; from here on the script is fixed.
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

// close ends the backend, when it has heard all that the proxy has sent.
func (b *backend) close() {
	_ = b.listener.Close()
	b.running.Wait()
}

func (b *backend) heard() string {
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

// open is the number of its sessions that have not ended.
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
	behind  bool // a CR: an LF that comes now belongs to it
	authed  bool
}

func (s *speaker) reply(text string) bool {
	n, err := io.WriteString(s.conn, text)
	s.sent.Add(int64(n))
	return err == nil
}

// tell says something unasked, in every session.
func (b *backend) tell(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		_, _ = io.WriteString(conn, text)
	}
}

// more reads what has come.
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

// joinLF drops the LF that belongs to a CR which has ended a line.
func (s *speaker) joinLF() {
	if s.behind && len(s.pending) > 0 {
		s.pending = bytes.TrimPrefix(s.pending, []byte("\n"))
		s.behind = false
	}
}

// line is the next line, ended by whatever some server takes for an end.
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

// counted is the next n bytes.
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

// login answers a SASL exchange of as many challenges as the mechanism has,
// and believes whatever it is told.
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

// refusals are how a SASL exchange ends that was cancelled; IMAP's needs the
// tag of the command, which its answer puts in front.
var refusals = map[string]string{
	"smtp": "501 5.7.0 cancelled\r\n", "pop3": "-ERR cancelled\r\n", "sieve": "NO \"cancelled\"\r\n", "imap": "BAD cancelled\r\n",
}
