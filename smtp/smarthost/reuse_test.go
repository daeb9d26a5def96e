package smarthost_test

import (
	"bufio"
	"context"
	"crypto/sha256"
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
	"github.com/letterlock/letterlock/internal/relayauth"
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

// hop is a server with TLS. It accepts each message, and can fail on its first
// connection after the first message.
type hop struct {
	certificate tls.Certificate
	offers      string              // an extension that only the first connection has
	login       string              // the response to AUTH PLAIN that it accepts; empty: it offers no AUTH
	mail        string              // the reply to the second MAIL of the first connection; empty: 250
	after       func(conn net.Conn) // is called on the first connection after the first message
	ended       chan struct{}       // is closed when the first connection has ended
	handshakes  atomic.Int64

	mu       sync.Mutex
	messages []string
}

func newHop(w *world) *hop {
	return &hop{certificate: w.ca.ECDSA(w.t, "mx1.example.net", "mx1."+relayDomain), ended: make(chan struct{})}
}

func (h *hop) serve(l net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for first := true; ; first = false {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			h.talk(conn, &tls.Config{Certificates: []tls.Certificate{h.certificate}}, first)
			if first {
				close(h.ended)
			}
		})
	}
}

func (h *hop) talk(conn net.Conn, config *tls.Config, first bool) {
	received, sent := bufio.NewReader(conn), 0
	write := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	write("220 mx")
	for {
		line, err := received.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:4]); {
		case verb == "EHLO" && h.login != "":
			write("250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS")
		case verb == "EHLO" && h.offers != "" && first:
			write("250-mx\r\n250-" + h.offers + "\r\n250 STARTTLS")
		case verb == "EHLO":
			write("250-mx\r\n250 STARTTLS")
		case verb == "STAR":
			write("220 go")
			t := tls.Server(conn, config)
			if t.Handshake() != nil {
				return
			}
			h.handshakes.Add(1)
			conn, received = t, bufio.NewReader(t)
		case verb == "AUTH" && strings.TrimSpace(line) != "AUTH PLAIN "+h.login:
			write("535 5.7.8 no")
		case verb == "AUTH":
			write("235 ok")
		case verb == "MAIL" && first && sent > 0 && h.mail != "":
			write(h.mail)
		case verb == "DATA":
			write("354 go")
			h.store(received)
			write("250 queued")
			if sent++; first && sent == 1 && h.after != nil {
				h.after(conn)
			}
		case verb == "QUIT":
			write("221 bye")
			return
		default:
			write("250 ok")
		}
	}
}

func (h *hop) store(received *bufio.Reader) {
	var text strings.Builder
	for {
		line, err := received.ReadString('\n')
		if err != nil {
			return
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, text.String())
}

func (h *hop) stored() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.messages)
}

// expect checks the numbers of messages and handshakes.
func (h *hop) expect(t *testing.T, messages, handshakes int) {
	t.Helper()
	if h.stored() != messages || int(h.handshakes.Load()) != handshakes {
		t.Errorf("%d messages with %d handshakes, want %d with %d", h.stored(), h.handshakes.Load(), messages, handshakes)
	}
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
			w.config.Timeouts.Dial = 300 * time.Millisecond
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

// A connection is used again only under the conditions that it was made under.
func TestH24_ConditionsThatChange(t *testing.T) {
	verify := nexthop.Rules{Level: outbound.Verify}
	for name, tt := range map[string]struct {
		rules  nexthop.Rules
		change func(w *world)
		rcpt   string
	}{
		"a DANE record that no longer matches": {
			nexthop.Rules{Level: outbound.DANE},
			func(w *world) { w.tlsa("example.net", append([]byte{3, 1, 1}, make([]byte, 32)...)...) },
			"451 4.7.5 Server certificate not verified",
		},
		"another level": {verify, func(w *world) { w.finder.Destinations[0].Rules.Level = outbound.Encrypt }, "250"},
		"other names": {
			verify, func(w *world) { w.finder.Destinations[0].Rules.Match = []string{"other.example"} },
			"451 4.7.5 Server certificate not verified",
		},
		"an account": {
			verify,
			func(w *world) {
				w.finder.Destinations[0].Account = &relayauth.Account{User: "a", Secret: secret{"b", false}}
			},
			"451 4.7.8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			h := newHop(w)
			w.domain("example.net", tt.rules, h.serve)
			if tt.rules.Level == outbound.DANE {
				sum := sha256.Sum256(h.certificate.Leaf.RawSubjectPublicKeyInfo)
				w.tlsa("example.net", append([]byte{3, 1, 1}, sum[:]...)...)
			}
			c := w.session()
			c.send("example.net", "250", "250 queued")
			tt.change(w)
			c.send("example.net", tt.rcpt, "250 queued")
			if want := map[bool]int{true: 2, false: 1}[tt.rcpt == "250"]; h.stored() != want {
				t.Errorf("%d messages, want %d", h.stored(), want)
			}
			if h.handshakes.Load() == 1 && tt.rcpt == "250" {
				t.Error("the connection was used under other conditions")
			}
		})
	}
}

// token is an access token that changes.
type token struct{ atomic.Pointer[string] }

func (s *token) Get(context.Context) (string, error) { return *s.Load(), nil }
func (s *token) IsToken() bool                       { return false }
func (s *token) Expire(string)                       {}

func (s *token) set(text string) { s.Store(&text) }

// A kept connection to a server that does not offer REQUIRETLS carries no message that
// demands it.
func TestH24_RequireTLS(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", nexthop.Rules{Level: outbound.Secure, Match: []string{"mx1.example.net"}}, h.serve)
	w.config.Listeners[0].Policy = "strict"
	c := w.session().encrypted(w)
	c.command("EHLO legacy.lan", "250")
	c.send("example.net", "250", "250 queued")
	c.command("MAIL FROM:<a@example.com> REQUIRETLS", "250")
	c.command("RCPT TO:<bob@example.net>", "550 5.7.30 REQUIRETLS is required, but was not offered")
	if h.stored() != 1 {
		t.Errorf("%d messages", h.stored())
	}
}

// A connection is not used again once its password or token was replaced.
func TestH24_SecretsThatChange(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h, own := newHop(w), &token{}
	own.set("b")
	h.login = "AGEAYg==" // NUL a NUL b
	w.domain(relayDomain, nexthop.Rules{Level: outbound.Verify}, h.serve)
	w.finder.Destinations[0].Account = &relayauth.Account{User: "a", Secret: own}
	c := w.session()
	for range 3 {
		c.send(relayDomain, "250", "250 queued")
	}
	h.expect(t, 3, 1)
	own.set("c")
	c.send(relayDomain, "451 4.7.8 Host mx1."+relayDomain, "")
	<-h.ended
	h.expect(t, 3, 2)
}

// Connections in plaintext, after a refusal, and of a message that was not sent are
// closed.
func TestConnectionsThatAreNotKept(t *testing.T) {
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
