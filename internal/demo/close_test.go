package demo

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/demo/talk"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// sessions returns sessions in different states. Each must end when the server
// does.
func sessions(s *Server) map[string]struct{ address, script string } {
	return map[string]struct{ address, script string }{
		"greeted":     {s.SMTP(), "S: 220 *"},
		"not greeted": {s.Submission(), ""},
		"in AUTH": {s.Submission(), `
			S: 220 *
			C: HELO client
			S: 250 *
			C: AUTH LOGIN
			S: 334 *`},
		"in DATA": {s.SMTP(), `
			S: 220 *
			C: HELO client
			S: 250 *
			C: MAIL FROM:<>
			S: 250 *
			C: RCPT TO:<a@example.com>
			S: 250 *
			C: DATA
			S: 354 *
			C: Subject: never`},
		"in BDAT": {s.SMTP(), `
			S: 220 *
			C: HELO client
			S: 250 *
			C: MAIL FROM:<>
			S: 250 *
			C: RCPT TO:<a@example.com>
			S: 250 *
			C| BDAT 3\r\nabc
			S: 250 *`},
		"in IDLE": {s.IMAP(), `
			S: * OK *
			C: a AUTHENTICATE PLAIN AGRlbW8AZGVtbw==
			S: a OK *
			C: b IDLE
			S: + idling`},
		"in APPEND": {s.IMAP(), `
			S: * OK *
			C: a AUTHENTICATE PLAIN AGRlbW8AZGVtbw==
			S: a OK *
			C: b APPEND INBOX {100}
			S: + *`},
		"with a maildrop": {s.POP3(), `
			S: +OK *
			C: AUTH PLAIN AGRlbW8AZGVtbw==
			S: +OK *
			C: DELE 1
			S: +OK *`},
		"in a literal": {s.Sieve(), `
			S: "IMPLEMENTATION" *
			C: NOOP {100+}`},
	}
}

// goroutines waits until at most want goroutines run, or gives up.
func goroutines(want int) (int, string) {
	_ = wait.Happens(func() bool { return runtime.NumGoroutine() <= want })
	stacks := make([]byte, 64<<10)
	return runtime.NumGoroutine(), string(stacks[:runtime.Stack(stacks, true)])
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := Start(loopback.Host(), hostname)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(map[string]net.Conn)
	for name, c := range sessions(s) {
		conns[name] = talk.Dial(t, c.address)
		talk.Run(t, conns[name], c.script)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, stacks := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after\n%s", before, after, stacks)
	}
	for name, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		for err = nil; err == nil; {
			_, err = conn.Read(make([]byte, 1024))
		}
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: still open", name)
		}
	}
	if _, err := net.Dial("tcp", s.IMAP()); err == nil {
		t.Error("still listening")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestCloseAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		s, err := Start(loopback.Host(), hostname)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.IMAP())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
	if after, stacks := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after\n%s", before, after, stacks)
	}
}

// TestSessionsAreBounded checks that one session above the maximum waits until
// another has ended.
func TestSessionsAreBounded(t *testing.T) {
	s := start(t)
	var conns []net.Conn
	for range maxSessions {
		conn := talk.Dial(t, s.POP3())
		talk.Run(t, conn, "S: +OK *")
		conns = append(conns, conn)
	}
	waiting := talk.Dial(t, s.POP3())
	s.pop3.mu.Lock()
	open := len(s.pop3.open)
	s.pop3.mu.Unlock()
	if open != maxSessions {
		t.Errorf("%d sessions", open)
	}
	talk.Run(t, conns[0], "C: QUIT\nS: +OK *\nS! close")
	_ = conns[0].Close()
	talk.Run(t, waiting, "S: +OK *")
}

// A deletion is carried out at QUIT, and not when the server is closed.
func TestCloseIsNoQuit(t *testing.T) {
	s := start(t)
	conn := talk.Dial(t, s.POP3())
	talk.Run(t, conn, `
		S: +OK *
		C: AUTH PLAIN AGRlbW8AZGVtbw==
		S: +OK *
		C: DELE 1
		S: +OK *`)
	if err := s.pop3.cut(); err != nil {
		t.Fatal(err)
	}
	s.pop3.sessions.Wait()
	if texts := inbox(t, login(t, s, nil)); len(texts) != 1 || !strings.Contains(texts[0], "Welcome") {
		t.Errorf("got %q", texts)
	}
}

// A client that fetches a message and does not read it locks the mailbox, and
// so delays a delivery. Neither may delay Close. The message is longer than the
// buffers of two sockets.
func TestCloseWhileADeliveryWaits(t *testing.T) {
	s := start(t)
	send(t, s.SMTP(), nil, "Subject: Big\r\n\r\n"+strings.Repeat(strings.Repeat("x", 998)+"\r\n", 16<<10))
	talk.Run(t, talk.Dial(t, s.IMAP()), `
		S: * OK *
		C: a AUTHENTICATE PLAIN AGRlbW8AZGVtbw==
		S: a OK *
		C: b EXAMINE INBOX
		S: * 2 EXISTS
		C: c FETCH 2 BODY.PEEK[]
		S: * 0 RECENT
		S: * OK *
		S: * OK *
		S: * OK *
		S: * FLAGS *
		S: * OK *
		S: b OK *
		S: * 2 FETCH *`)
	talk.Run(t, talk.Dial(t, s.SMTP()), `
		S: 220 *
		C: HELO client
		S: 250 *
		C: MAIL FROM:<>
		S: 250 *
		C: RCPT TO:<a@example.com>
		S: 250 *
		C: DATA
		S: 354 *
		C: .`)
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Close waits")
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := Start(loopback.Host(), hostname)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}
