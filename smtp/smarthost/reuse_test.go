package smarthost_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// newKeeping returns a world that keeps connections.
func newKeeping(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.config.Smarthost.KeepConnections = patience
	return w
}

// A hundred messages of ten sessions, one after the other, need one handshake with
// their server, and without kept connections a hundred.
func TestConnectionsAreReused(t *testing.T) {
	for name, handshakes := range map[string]int{"kept": 1, "closed": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			if name == "closed" {
				w.config.Smarthost.KeepConnections = 0
			}
			h := newHop(w)
			w.domain("example.net", nexthop.Rules{Level: outbound.Verify}, h.serve)
			for range 10 {
				c := w.session()
				for range 10 {
					c.send("example.net", "250", "250 queued")
				}
				c.command("QUIT", "221")
			}
			h.expect(t, 100, handshakes)
			if n := strings.Count(w.read(), "Verified at verify"); n != handshakes {
				t.Errorf("%d handshakes are reported, want %d", n, handshakes)
			}
		})
	}
}

// At most a hundred messages go over one connection.
func TestMessagesOfAConnectionAreBounded(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", may, h.serve)
	c := w.session()
	for range 101 {
		c.send("example.net", "250", "250 queued")
	}
	h.expect(t, 101, 2)
}

// A server that fails between two messages delays the second one by a new connection,
// and neither loses nor doubles a message.
func TestH24_KeptConnectionsThatFail(t *testing.T) {
	write := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	for name, change := range map[string]func(*hop){
		"sends a reply while idle":    func(h *hop) { h.after = write("250 ok\r\n") },
		"sends half a line":           func(h *hop) { h.after = write("2") },
		"says goodbye while idle":     func(h *hop) { h.after = write("421 4.4.2 timeout\r\n") },
		"closes":                      func(h *hop) { h.after = func(conn net.Conn) { _ = conn.Close() } },
		"closes without close_notify": func(h *hop) { h.after = func(conn net.Conn) { _ = conn.(*tls.Conn).NetConn().Close() } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			h := newHop(w)
			change(h)
			w.domain("example.net", nexthop.Rules{Level: outbound.Verify}, h.serve)
			c := w.session()
			c.send("example.net", "250", "250 queued")
			<-h.ended
			c.send("example.net", "250", "250 queued")
			h.expect(t, 2, 2)
		})
	}
	for name, reply := range map[string]string{
		"limits the messages of a connection": "421 4.7.0 too many messages on this connection",
		"the same with another code":          "452 4.7.0 too many messages on this connection",
		"refuses the sender":                  "550 5.1.8 no",
		"forgets its extensions":              "555 5.5.4 SIZE",
		"sends another protocol":              "HTTP/1.1 400 Bad Request",
		"does not reply":                      "250-",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			w.config.Timeouts.Dial = 5 * time.Second // also for the first connection
			h := newHop(w)
			h.mail, h.offers = reply, "SIZE"
			w.domain("example.net", nexthop.Rules{Level: outbound.Verify}, h.serve)
			c := w.session()
			c.send("example.net", "250", "250 queued")
			c.send("example.net", "250", "250 queued")
			<-h.ended
			h.expect(t, 2, 2)
		})
	}
}

// Connections in plaintext, after a refusal, and of a message that was not sent are
// closed.
func TestH24_ConnectionsThatAreNotKept(t *testing.T) {
	for name, send := range map[string]func(c client){
		"no message":      func(c client) { c.command("RSET", "250") },
		"client has left": func(c client) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			h := newHop(w)
			w.domain("example.net", may, h.serve)
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			c.command("RCPT TO:<b@example.net>", "250")
			send(c)
			<-h.ended
		})
	}
	t.Run("plaintext", func(t *testing.T) {
		t.Parallel()
		w, b := newKeeping(t), &inbox{}
		l := &counting{}
		w.domain("example.net", may, func(under net.Listener) { l.Listener = under; b.serve()(l) })
		c := w.session()
		for range 2 {
			c.send("example.net", "250", "250")
		}
		if n := l.accepted.Load(); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

type counting struct {
	net.Listener
	accepted atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

// Kept connections end with the proxy.
func TestKeptConnectionsEndAtShutdown(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", may, h.serve)
	c := w.session()
	c.send("example.net", "250", "250 queued")
	w.stop()
	<-h.ended
}

// A session that is recorded gets a connection of its own, so that the dialog begins with
// the greeting.
func TestRecordedSessionsGetTheirOwnConnection(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", may, h.serve)
	w.session().send("example.net", "250", "250 queued")
	order := record.Order{Client: netip.MustParsePrefix("127.0.0.0/8"), Sessions: 1, Bytes: 1 << 20, Time: time.Minute, Folder: t.TempDir()}
	if err := w.proxy.Server().Recorder.Start(order); err != nil {
		t.Fatal(err)
	}
	w.session().send("example.net", "250", "250 queued")
	h.expect(t, 2, 2)
}

// Many sessions at the same time share connections, and each message arrives once.
func TestSessionsShareConnections(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", may, h.serve)
	w.start()
	var sessions sync.WaitGroup
	for range 10 {
		sessions.Go(func() {
			c := w.session()
			for range 10 {
				c.send("example.net", "250", "250 queued")
			}
		})
	}
	sessions.Wait()
	wait.Until(t, "not all messages are stored", func() bool { return h.stored() == 100 })
	if n := h.handshakes.Load(); n > 10 {
		t.Errorf("%d handshakes", n)
	}
}
