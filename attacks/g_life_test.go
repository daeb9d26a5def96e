package attacks

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// reset closes a connection with a TCP reset.
func (c *client) reset() {
	_ = c.socket.(*net.TCPConn).SetLinger(0)
	_ = c.socket.Close()
}

// G3: however a connection ends, its other side ends too, and no goroutine or
// descriptor remains.
func TestG3_HalfClose(t *testing.T) {
	goroutines, descriptors := runtime.NumGoroutine(), usage.Descriptors(t)
	t.Run("ends", func(t *testing.T) {
		defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close forgotten connections
		w := open(t)
		sessions := 0
		for _, service := range all {
			for _, end := range []func(*client){(*client).reset, func(c *client) { _ = c.socket.Close() }, func(c *client) { closeWrite(c.socket) }} {
				end(w.dial(service))
				end(w.secured(service))
				sessions += 2
				if service.Protocol() != "smtp" || service != configs.SMTP {
					end(w.loggedIn(service))
					sessions++
				}
			}
		}
		w.reasons(sessions)
		for _, service := range all {
			wait.Until(t, "the backend of "+string(service)+" still has a session", func() bool { return w.back[service].open() == 0 })
		}
		w.stop()
	})
	wait.Until(t, fmt.Sprintf("more is open than %d goroutines and %d descriptors", goroutines, descriptors), func() bool {
		return runtime.NumGoroutine() <= goroutines+2 && usage.Descriptors(t) <= descriptors+2
	})
	t.Run("the client's half", func(t *testing.T) { // it still receives the pending replies
		w := open(t, func(w *world) { w.back[configs.IMAPS].farewell = "* BYE for now\r\n" })
		c := w.loggedIn(configs.IMAPS)
		c.send("b NOOP\r\n")
		closeWriteTLS(c)
		if said := c.rest(); !strings.Contains(said, "b OK") || !strings.HasSuffix(said, "* BYE for now\r\n") {
			t.Errorf("received %q", said)
		}
	})
	t.Run("the backend's end", func(t *testing.T) {
		w := open(t, func(w *world) {
			w.back[configs.POP3S].answer = func(line string) (string, bool) { return hangUp, line == "STAT" }
		})
		c := w.loggedIn(configs.POP3S)
		c.send("STAT\r\n")
		c.rest()
		w.reasons(1)
	})
}

// G3: an idle session does not end.
func TestG3_IdleSessionStays(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) {
		w.Timeouts.Login = patience / 2 // until the login has succeeded
		w.Timeouts.Command, w.Timeouts.Greeting, w.Timeouts.Idle = soon, soon, time.Hour
	})
	c := w.loggedIn(configs.IMAPS)
	c.want("b IDLE", "b OK .*")
	time.Sleep(patience/2 + soon + time.Second) // longer than all timeouts but the one for idle sessions
	w.back[configs.IMAPS].broadcast("* 2 EXISTS\r\n")
	c.expect(`\* 2 EXISTS`)
}

// unavailable matches the reply to a client whose backend is unreachable, or for
// which no slot is free.
const unavailable = `421 .*|\* BYE \[UNAVAILABLE\].*|-ERR \[SYS/TEMP\].*|BYE \(TRYLATER\).*`

// G7: when the backend fails, the client gets a temporary failure, never a
// positive reply.
func TestG7_BackendFailure(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		for name, change := range map[string]func(*backend){
			"down":         nil,
			"hangs up":     func(b *backend) { b.greeting = ""; b.silent = true },
			"refuses":      func(b *backend) { b.greeting = rejections[b.protocol] },
			"speaks HTTP":  func(b *backend) { b.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n" },
			"speaks noise": func(b *backend) { b.greeting = "\x16\x03\x01\x00\x04\x01\x00\x00\x00\r\n" },
		} {
			t.Run(name, func(t *testing.T) {
				w := openOnly(t, service, func(w *world) {
					if change == nil { // another process may soon use a port that was just closed
						w.listener(service).Backend = "127.0.0.1:1"
						return
					}
					change(w.back[service])
				})
				c := w.hopeful(service)
				if said := c.rest(); !matches(unavailable, said) || strings.Contains(said, "127.0.0.1") {
					t.Errorf("ended with %q", said)
				}
				if why := w.reasons(1)[0]; !why.Backend() {
					t.Errorf("ended for %s", why)
				}
			})
		}
	})
	each(t, private, func(t *testing.T, service configs.Service) { // in the middle of a login
		w := open(t, func(w *world) {
			w.back[service].answer = func(line string) (string, bool) { return hangUp, strings.Contains(line, "AUTH") }
		})
		c := w.ready(service)
		c.send(c.initial("PLAIN", plain("alice", "secret")) + "\r\n")
		if said := c.rest(); !matches(unavailable, said) {
			t.Errorf("ended with %q", said)
		}
		if log := w.log.String(); strings.Contains(log, "user=alice") {
			t.Errorf("logged: %s", log)
		}
	})
}

var rejections = map[string]string{
	"smtp": "554 5.3.2 go away\r\n", "imap": "* BYE go away\r\n", "pop3": "-ERR go away\r\n", "sieve": "BYE \"go away\"\r\n",
}

// G7 in the middle of a message: no positive reply, wherever the backend fails.
func TestG7_BackendFailsInMessage(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line of text\r\n", 20000)
	for name, leave := range map[string]func([]byte) (int, int){
		"at once":        func([]byte) (int, int) { return 0, -1 },
		"in the middle":  func(text []byte) (int, int) { return 0, -len(text) / 50000 },
		"behind the end": func(text []byte) (int, int) { _, end := strictEnd(text); return 0, -end },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, func(w *world) { w.back[configs.SMTP].ends = leave })
			c := w.secured(configs.SMTP)
			c.envelope()
			c.want("DATA", "354 .*")
			go func() { _, _ = c.Write([]byte(text + ".\r\n")) }()
			if said := c.rest(); !matches(`|421 .*|451 .*`, said) {
				t.Errorf("ended with %q", said)
			}
			if why := w.reasons(1)[0]; why != gate.BackendGone {
				t.Errorf("ended for %s", why)
			}
		})
	}
	t.Run("chunks", func(t *testing.T) {
		w := open(t, func(w *world) {
			w.back[configs.SMTP].answer = func(line string) (string, bool) { return hangUp, strings.HasPrefix(line, "BDAT") }
		})
		c := w.secured(configs.SMTP)
		c.envelope()
		c.send("BDAT 4 LAST\r\ntext")
		if said := c.rest(); !matches(`|421 .*`, said) {
			t.Errorf("ended with %q", said)
		}
	})
}

// G9: before the login a client learns nothing about the backend's software.
func TestG9_InformationLeak(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) {
			// APOP needs the backend's greeting with its name (RFC 1939 §7). An
			// administrator who wants to hide it hides APOP.
			w.listener(service).HideMechanisms = []string{"APOP"}
		})
		c := w.dial(service)
		var said []string
		if service.Implicit() {
			c.handshake(nil)
			said = c.greeting()
		} else {
			said = append(c.greeting(), c.ask(lists[c.protocol])...)
			c.upgrade(nil)
			if c.protocol == "sieve" {
				said = append(said, c.greeting()...)
			}
		}
		said = append(said, c.ask(lists[c.protocol])...)
		said = append(said, c.ask("x WRONG")...)
		_ = w.back[service].listener.Close()
		c = w.dial(service) // whose backend is gone
		if service.Implicit() {
			c.handshake(nil)
		} else {
			c.greeting()
			c.upgrade(nil)
		}
		c.send(harmless[c.protocol] + "\r\n")
		said = append(said, c.rest())
		for _, word := range []string{"legacy", "internal", "127.0.0.1", "Sendmail", "Cyrus", "Qpopper", "Pigeonhole", "go1."} {
			if strings.Contains(strings.Join(said, "|"), word) {
				t.Errorf("%s shows: %q", word, said)
			}
		}
	})
}

// formats holds the formats of the log, and how each line begins.
var formats = map[string]string{
	"text":    `time=2.*`,
	"json":    `\{"time":"2.*\}\n`,
	"postfix": `\w{3} [ \d]\d [\d:]{8} [\w-]+ letterlock\S*\[\d+\]: .*`,
}

// logAs makes a world write its log as the program does.
func (w *world) logAs(format string, rates loghandler.Rates) *loghandler.Handler {
	log := loghandler.New(w.log, loghandler.Options{Format: format, Header: true, MaxValue: configs.Default().Log.MaxValue, Rates: rates})
	w.t.Cleanup(func() { log.Close(patience) })
	w.logger = slog.New(log)
	return log
}

// usual returns the rates of a usual configuration.
func usual() loghandler.Rates {
	d := configs.Default().Log
	return loghandler.Rates{Client: d.RatePerClient, Network: d.RatePerNetwork, Total: d.Rate}
}

// G10: the log consists of lines of printable text, whatever names a client
// sends.
func TestG10_LogInjection(t *testing.T) {
	t.Parallel()
	names := []string{
		"alice\x1b[2J\x1b]0;owned\x07", "alice\r\ntime=1999-01-01 level=INFO msg=session user=root", "alice\nroot", "\xff\xfe", "a\u2028b\u0085c", "al\"ice=x", "\x7f\x08\x08",
		"alice\nJan  1 00:00:00 mx letterlock/imap[1]: forged user=root", "alice\"}\n{\"time\":\"1999-01-01\"}", "alice user=root", "ali\tce", "a\u202eecila",
	}
	for format, begins := range formats {
		each(t, private, func(t *testing.T, service configs.Service) {
			var log *loghandler.Handler
			w := openOnly(t, service, strict, func(w *world) { log = w.logAs(format, usual()) })
			for _, name := range names {
				w.calls(service, name)
			}
			w.stop()
			log.Flush(patience)
			for line := range strings.Lines(w.log.String()) {
				if format == "json" && json.Valid([]byte(line)) {
					line = strings.ReplaceAll(line, "\x7f", "") // JSON does not escape it
				}
				if !printable(line) || !matches(begins, line) || matches(`time=1999.*|\{"time":"1999.*|Jan  1 00:00:00 mx .*`, line) {
					t.Errorf("%s: %q", format, line)
				}
			}
			if format == "postfix" && matches(".* user=alice user=root .*", w.log.String()) {
				t.Errorf("a name with a blank is logged as two fields: %s", w.log)
			}
		})
	}
}

// calls tries to log in as a user, and sends the same text as the server name.
func (w *world) calls(service configs.Service, name string) {
	w.t.Helper()
	c := w.ready(service)
	switch c.protocol {
	case "imap":
		c.ask("a LOGIN {" + strconv.Itoa(len(name)) + "+}\r\n" + name + " secret")
	case "pop3":
		c.send("USER " + name + "\r\nPASS secret\r\n")
	}
	if c.protocol != "imap" {
		c.send(c.initial("PLAIN", plain(name, "secret")) + "\r\n")
	}
	closeWriteTLS(c)
	c.rest()
	c = w.dial(service)
	if service.Implicit() {
		_, _ = c.tryHandshake(&tls.Config{ServerName: name, NextProtos: []string{name}})
	}
	_ = c.Close()
}
