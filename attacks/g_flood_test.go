package attacks

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// G1: a line without an end is cut off at the limit, before and inside TLS.
func TestG1_OverlongLine(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		each(t, map[bool][]configs.Service{false: upgrading, true: all}[secure], func(t *testing.T, service configs.Service) {
			w := openOnly(t, service)
			c := (*client)(nil)
			if secure {
				c = w.secured(service)
			} else {
				c = w.greeted(service)
			}
			go func() { _, _ = c.Write([]byte(strings.Repeat("x", 1<<20))) }()
			if said := c.rest(); !matches(`500 5\.5\.2 .*|\* BYE .*|-ERR .*|BYE .*`, said) {
				t.Errorf("answered %q", said)
			}
			if why := w.reasons(1)[0]; why != gate.LineTooLong {
				t.Errorf("ended for %s", why)
			}
			w.noneReceived("xxx")
		})
	}
}

// trickle sends the text again and again, slowly, until the connection ends.
func (c *client) trickle(little string) {
	c.t.Helper()
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				if _, err := c.Write([]byte(little)); err != nil {
					return
				}
			}
		}
	}()
	c.rest()
	close(ended)
}

// G2: a client that sends single bytes for ever is disconnected, in every state.
func TestG2_Slowloris(t *testing.T) {
	t.Parallel()
	const late = time.Hour
	ended := func(w *world, n int, reason gate.Reason) {
		w.t.Helper()
		for _, why := range w.reasons(n) {
			if why != reason {
				w.t.Errorf("ended for %s", why)
			}
		}
	}
	each(t, all, func(t *testing.T, service configs.Service) {
		t.Parallel() // most of it is waiting
		t.Run("handshake", func(t *testing.T) {
			t.Parallel()
			w := openOnly(t, service, func(w *world) { w.Timeouts.Handshake, w.Timeouts.Login = soon, late })
			c := w.dial(service)
			if !service.Implicit() {
				c.greeting()
				c.want(starter[c.protocol], agreed[c.protocol])
			}
			c.send("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03") // a ClientHello that takes minutes to complete
			c.trickle("x")
			ended(w, 1, gate.HandshakeFailed)
			w.untouched()
		})
		t.Run("login", func(t *testing.T) {
			t.Parallel()
			w := openOnly(t, service, func(w *world) {
				w.Timeouts.Login = patience / 2 // also for the handshake, which takes long with the race detector
				w.Timeouts.Greeting = soon      // is added to it
			})
			begins := []func(configs.Service) *client{w.secured}
			if !service.Implicit() {
				begins = append(begins, w.greeted)
			}
			var open sync.WaitGroup
			for _, start := range begins {
				bytes, commands, silence := start(service), start(service), start(service)
				open.Go(func() { bytes.trickle("x") })
				open.Go(func() { commands.trickle(harmless[service.Protocol()] + "\r\n") })
				open.Go(func() { silence.rest() })
			}
			open.Wait()
			ended(w, 3*len(begins), gate.Timeout)
		})
		t.Run("command", func(t *testing.T) {
			t.Parallel()
			w := openOnly(t, service, func(w *world) { w.Timeouts.Command, w.Timeouts.Login = soon, late })
			w.secured(service).trickle("x")
			ended(w, 1, gate.Timeout)
		})
	})
	t.Run("command after login", func(t *testing.T) {
		t.Parallel()
		w := open(t, func(w *world) { w.Timeouts.Command = soon })
		w.loggedIn(configs.Submission).trickle("x")
		if why := w.reasons(1)[0]; why != gate.Timeout {
			t.Errorf("ended for %s", why)
		}
	})
	t.Run("silence after login", func(t *testing.T) {
		t.Parallel()
		w := open(t, func(w *world) { w.Timeouts.Idle = soon })
		w.loggedIn(configs.IMAPS).rest()
		if why := w.reasons(1)[0]; why != gate.Timeout {
			t.Errorf("ended for %s", why)
		}
	})
}

// G4: an address gets a limited number of connections. Further ones receive a
// refusal where that costs little, and the existing ones go on.
func TestG4_ConnectionFlood(t *testing.T) {
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) {
			w.Limits.ConnectionsPerClient, w.Timeouts.Unauthenticated = 3, time.Hour // see TestG4_RoomIsMade
		})
		inside := w.secured(service)
		for range 2 {
			w.dial(service)
		}
		for range 50 {
			c := w.dial(service)
			said := c.rest()
			if service.Implicit() != (said == "") || !matches("|"+unavailable, said) {
				t.Fatalf("refused with %q", said)
			}
		}
		inside.ask(harmless[inside.protocol])
		_ = inside.Close()
		wait.Until(t, "the slot is not given back", func() bool { return w.Sessions() <= 2 })
		w.secured(service) // slots are free again
	})
	t.Run("half open", func(t *testing.T) {
		w := open(t)
		var crowd []net.Conn
		for range 200 {
			conn, err := net.Dial("tcp", w.address(configs.Submission))
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, conn)
		}
		for _, conn := range crowd {
			_ = conn.Close()
		}
		w.secured(configs.IMAPS)
		w.secured(configs.Submission)
	})
}

// G5: a flood of commands is answered or cut off, and the proxy does not wait
// for a client that does not read the replies.
func TestG5_PipelinedFlood(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		const n = 5000
		line := harmless[service.Protocol()] + "\r\n"
		w := openOnly(t, service)
		c := w.greeted(service)
		go func() { _, _ = c.Write([]byte(strings.Repeat(line, n))) }()
		for range n {
			c.answer(strings.TrimSpace(line))
		}
		c = w.greeted(service)
		go func() { _, _ = c.Write([]byte(strings.Repeat("w WRONG\r\n", n))) }()
		if said := c.rest(); strings.Count(said, "\n") > 101 {
			t.Errorf("%d wrong commands were answered", strings.Count(said, "\n"))
		}
		w.untouched()
	})
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.Timeouts.Command = 300 * time.Millisecond })
		c := w.greeted(service)
		_ = c.socket.(*net.TCPConn).SetReadBuffer(4 << 10) // so that the replies soon fill it
		go func() { _, _ = c.Write([]byte(strings.Repeat(talkative[c.protocol]+"\r\n", 10<<20/16))) }()
		if why := w.reasons(1)[0]; why != gate.Timeout {
			t.Errorf("ended for %s", why)
		}
		_ = c.socket.Close()
	})
}

// talkative are commands with long replies, which fill the kernel's buffers with
// few of them.
var talkative = map[string]string{"smtp": "EHLO client.example", "imap": "a CAPABILITY", "pop3": "CAPA", "sieve": "CAPABILITY"}

// G6: when a client does not read, the backend cannot send; at last the session
// ends.
func TestG6_NotReading(t *testing.T) {
	t.Parallel()
	const size = 256 << 20
	mail := strings.Repeat("all work and no play\r\n", size/22)
	w := open(t, func(w *world) {
		w.Timeouts.Command, w.Timeouts.Idle = soon, time.Hour
		w.back[configs.IMAPS].answer = func(line string) (string, bool) { return mail, strings.HasSuffix(line, "FETCH") }
	})
	c := w.loggedIn(configs.IMAPS)
	c.send("b FETCH\r\n")
	if why := w.reasons(1)[0]; why != gate.Timeout {
		t.Errorf("ended for %s", why)
	}
	_ = c.socket.Close()
	w.stop()
	if sent := w.back[configs.IMAPS].sent.Load(); sent > size/4 {
		t.Errorf("the backend could send %d MiB", sent>>20)
	}
}
