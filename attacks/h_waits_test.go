package attacks

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// before replaces the backend of all services by one that handles connections
// with serve, after the greeting of the protocol if greet is set.
func before(serve func(conn net.Conn), greet bool) func(w *world) {
	return func(w *world) {
		w.t.Helper()
		for _, service := range all {
			listener, greeting := loopback.Listen(w.t), greetings[service.Protocol()]
			loopback.Serve(listener, func(conn net.Conn) {
				if greet {
					_, _ = io.WriteString(conn, greeting)
				}
				serve(conn)
			})
			w.listener(service).Backend = listener.Addr().String()
		}
	}
}

// mute reads and sends nothing.
func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// dribble sends a reply that never ends, line by line.
func dribble(line string) func(net.Conn) {
	return func(conn net.Conn) {
		go mute(conn)
		for {
			if _, err := io.WriteString(conn, line); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond) // the pace of the server
		}
	}
}

// waiting returns a client whose session waits for the backend.
func (w *world) waiting(service configs.Service) *client {
	c := w.dial(service)
	if !service.Implicit() {
		c.greeting()
		if service != configs.SMTP {
			c.upgrade(nil)
		}
	} else {
		c.handshake(nil)
	}
	c.send(map[string]string{"smtp": "EHLO a", "imap": "a CAPABILITY", "pop3": "CAPA", "sieve": "CAPABILITY"}[c.protocol] + "\r\n")
	return c
}

const never = time.Hour

// unhurried makes the timeouts for the backend so long that they never expire.
func unhurried(w *world) {
	w.Timeouts.Greeting, w.Timeouts.Dial, w.Timeouts.Login, w.Timeouts.EndOfData = never, never, never, never
}

// H2: a client that closes its connection or its half ends the backend's side
// too: a silent backend holds neither slots nor descriptors.
func TestH2_ClientsThatAreGone(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(c *client){
		"closed": func(c *client) { _ = c.socket.Close() },
		"reset": func(c *client) {
			_ = c.socket.(*net.TCPConn).SetLinger(0)
			_ = c.socket.Close()
		},
		"half closed": func(c *client) { _ = c.socket.(*net.TCPConn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, all, func(t *testing.T, service configs.Service) {
				t.Parallel()
				w := open(t, unhurried, before(mute, false))
				for range 5 {
					leave(w.waiting(service))
				}
				w.emptied()
			})
		})
	}
}

// H2: the same while a login is delayed, and while a backend decides on it.
func TestH2_ClientsThatAreGoneAtALogin(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		t.Parallel()
		t.Run("delayed", func(t *testing.T) {
			t.Parallel()
			w := openOnly(t, service, strict, unhurried, func(w *world) {
				w.Limits.LoginFailuresPerClient, w.Timeouts.LoginForget, w.Timeouts.LoginDelay = 1000, never, never
			})
			for range 3 {
				c := w.secured(service)
				c.guess("wrong")
				_ = c.socket.Close()
			}
			c := w.secured(service)
			if c.protocol == "smtp" {
				c.ask("EHLO client.example")
			}
			c.send(loginLine[c.protocol])
			_ = c.socket.(*net.TCPConn).SetLinger(0)
			_ = c.socket.Close()
			w.emptied()
		})
		t.Run("undecided", func(t *testing.T) {
			t.Parallel()
			w := openOnly(t, service, unhurried, func(w *world) {
				w.back[service].answer = func(line string) (string, bool) {
					return "", strings.Contains(line, "secret") || strings.Contains(line, plain("alice", "secret"))
				}
			})
			c := w.secured(service)
			if c.protocol == "smtp" {
				c.ask("EHLO client.example")
			}
			c.send(loginLine[c.protocol])
			wait.Until(t, "the backend has not received the login", func() bool {
				return strings.Contains(w.back[service].received(), "secret") || strings.Contains(w.back[service].received(), plain("alice", "secret"))
			})
			_ = c.socket.Close()
			w.emptied()
		})
	})
}

// loginLine is a whole login.
var loginLine = map[string]string{
	"smtp": "AUTH PLAIN " + plain("alice", "secret") + "\r\n", "imap": "a LOGIN alice secret\r\n",
	"pop3": "USER alice\r\nPASS secret\r\n", "sieve": `AUTHENTICATE "PLAIN" "` + plain("alice", "secret") + "\"\r\n",
}

// H2: a backend that never completes its reply is given up when the time for the
// whole reply is over, however often it sends something.
func TestH2_TricklingReplies(t *testing.T) {
	t.Parallel()
	lines := map[string]string{"smtp": "250-x\r\n", "imap": "* x\r\n", "pop3": "x\r\n", "sieve": "\"X\" \"x\"\r\n"}
	greetingLines := map[string]string{"smtp": "220-x\r\n", "imap": "* OK", "pop3": "+OK", "sieve": "\"X\" \"x\"\r\n"}
	each(t, all, func(t *testing.T, service configs.Service) {
		t.Parallel()
		for name, start := range map[string]func(w *world){
			"greeting": before(dribble(greetingLines[service.Protocol()]), false),
			"reply":    before(dribble(lines[service.Protocol()]), true),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := open(t, start, func(w *world) {
					w.Timeouts.Greeting, w.Timeouts.Dial, w.Timeouts.EndOfData = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
				})
				if said := w.waiting(service).rest(); !matches("(?s).*("+unavailable+"|-ERR .*)", said) {
					t.Errorf("the client received %.200q", said)
				}
				w.emptied()
			})
		}
	})
}

// H2: a session that waits for a silent backend is evicted like any other, and
// its slot is released.
func TestH2_WaitingSessionsMakeRoom(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := open(t, unhurried, before(mute, false), func(w *world) { w.Limits.Connections = 1 })
		first := w.waiting(service)
		for range 5 {
			w.greeted(service)
		}
		first.rest()
		wait.Until(t, "more than one session is open", func() bool { return w.Sessions() <= 1 })
	})
}

// H2: when the client disconnects, the proxy still waits for the backend's reply
// to its message, because the backend may have accepted it.
func TestH2_VerdictsAreWaitedFor(t *testing.T) {
	t.Parallel()
	arrived, decided, received := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	serve := func(conn net.Conn) {
		b := &backend{protocol: "smtp"}
		s := &speaker{backend: b, conn: conn}
		for {
			line, ok := s.line()
			switch {
			case !ok:
				return
			case line == "DATA":
				_ = s.reply("354 go\r\n")
			case line == ".":
				close(arrived)
				<-decided
				_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				_, err := conn.Read(make([]byte, 1))
				received <- err
				_ = s.reply("250 queued\r\n")
				return
			case strings.HasPrefix(line, "EHLO") || strings.Contains(line, ":<"):
				_ = s.reply("250 ok\r\n")
			}
		}
	}
	w := open(t, unhurried, before(serve, true))
	c := w.greeted(configs.SMTP)
	c.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
	c.want("DATA", "354 .*")
	c.send("text\r\n.\r\n")
	<-arrived
	_ = c.socket.(*net.TCPConn).SetLinger(0)
	_ = c.socket.Close()
	close(decided)
	if err := <-received; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the backend's connection has ended before its verdict: %v", err)
	}
	w.emptied()
}
