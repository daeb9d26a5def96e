package smarthost_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/smtp/smarthost"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

const patience = 20 * time.Second

// world is a smarthost on loopback, with a DNS server and a CA. The servers of
// a domain listen on one port, each on its own address.
type world struct {
	*book
	t      *testing.T
	ca     *authority.CA
	dns    *nameserver.Server
	finder *nexthop.Finder
	config *configs.Config
	proxy  *app.Proxy
	net    [2]byte // servers are on 127.net.n, so that tests use different addresses
	hosts  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{book: &book{}, t: t, ca: authority.New(t), dns: nameserver.New(t), config: config(), net: [2]byte{byte(1 + rand.IntN(250)), byte(rand.IntN(250))}}
	w.dns.Behave(true, false, dnsmessage.RCodeSuccess)
	w.config.StateDir = t.TempDir()
	w.finder = &nexthop.Finder{
		DNS: nexthop.Servers{resolver.Resolver{Address: w.dns.Address}}, Validates: true, Roots: func() *x509.CertPool { return w.ca.Pool },
		Names: []string{"mail.example.com"}, Default: nexthop.Rules{Level: outbound.May, Signals: true}, Sessions: outbound.NewSessions(10),
	}
	return w
}

// config returns the configuration of a smarthost for clients on this machine.
func config() *configs.Config {
	return &configs.Config{
		Hostname: "mail.example.com",
		Limits: configs.Limits{
			Connections: 100, ConnectionsPerClient: 100, Handshakes: 10, Line: 2000, Token: 1000, Literal: 1000, Errors: 3, Message: 1000,
		},
		Timeouts: configs.Timeouts{
			Handshake: 5 * time.Second, Dial: 5 * time.Second, Greeting: patience, Command: patience, Login: patience,
			Unauthenticated: patience, Idle: patience, Data: patience, Message: patience, EndOfData: patience,
		},
		Smarthost: &configs.SmarthostRules{
			Clients: []configs.Network{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}}, EHLOName: "out.example.com", MaxMessage: 1 << 20,
		},
		Listeners: []configs.Listener{{Service: configs.Smarthost, Listen: loopback.Host() + ":0"}},
	}
}

// start runs the smarthost with the finder and the configuration that are set by
// then.
func (w *world) start() {
	w.t.Helper()
	options := app.Options{Log: slog.New(slog.DiscardHandler), Finder: w.finder, Deliveries: w.book}
	if w.config.Listeners[0].Policy != "" {
		options.Certificates = certs.NewStore([]tls.Certificate{w.ca.ECDSA(w.t, "mail.example.com")})
	}
	var err error
	if w.proxy, err = app.New(w.config, options); err != nil {
		w.t.Fatal(err)
	}
	if err := w.proxy.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.stop)
}

// stop closes all sessions.
func (w *world) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.proxy.Shutdown(ctx)
}

// setWait bounds the wait for each reply of a server.
func (w *world) setWait(d time.Duration) {
	w.config.Timeouts.Greeting, w.config.Timeouts.EndOfData = d, d
}

// domain creates a domain with servers: MX records in order, and its own port.
func (w *world) domain(name string, rules nexthop.Rules, serve ...func(net.Listener)) {
	w.t.Helper()
	var records []dnsmessage.ResourceBody
	port := 0
	for i, serve := range serve {
		w.hosts++
		l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:%d", w.net[0], w.net[1], w.hosts, port))
		if err != nil {
			w.t.Fatal(err)
		}
		port = l.Addr().(*net.TCPAddr).Port
		host := fmt.Sprintf("mx%d.%s", i+1, name)
		w.dns.Set(host, &dnsmessage.AResource{A: [4]byte{127, w.net[0], w.net[1], byte(w.hosts)}})
		records = append(records, &dnsmessage.MXResource{Pref: uint16(i), MX: dnsmessage.MustNewName(host + ".")})
		var running sync.WaitGroup
		running.Go(func() { serve(l) })
		w.t.Cleanup(func() { _ = l.Close(); running.Wait() })
	}
	w.dns.Set(name, records...)
	w.finder.Destinations = append(w.finder.Destinations, nexthop.Destination{
		Domains: []string{name}, NextHop: nexthop.NextHop{Name: name, Port: port}, Rules: rules,
	})
}

// tlsa publishes a TLSA record for the first server of a domain.
func (w *world) tlsa(domain string, data ...byte) {
	for _, d := range w.finder.Destinations {
		if d.Domains[0] == domain {
			w.dns.Set(fmt.Sprintf("_%d._tcp.mx1.%s", d.NextHop.Port, domain), &dnsmessage.UnknownResource{Type: 52, Data: data})
		}
	}
}

// script is a server that sends one line for each line that it receives, and
// closes the connection after the last; the first line is its greeting. For an
// empty line it sends nothing.
func script(lines ...string) func(net.Listener) {
	return func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			received := bufio.NewReader(conn)
			for i, line := range lines {
				if i > 0 {
					if _, err := received.ReadString('\n'); err != nil {
						break
					}
				}
				if line != "" {
					_, _ = io.WriteString(conn, line+"\r\n")
				}
			}
			_ = conn.Close()
		}
	}
}

// book is an Observer that records the events.
type book struct {
	mu    sync.Mutex
	notes []string
}

func (b *book) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *book) read() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.notes, "; ")
}

func (b *book) Secured(h smarthost.Handshake) {
	b.note("%s at %s with %s", h.Verdict.Trust, h.Level, h.Server.Host)
	if h.State.DidResume {
		b.note("resumed")
	}
}

func (b *book) Unsecured(server smarthost.Server, level outbound.Level, inPlaintext bool, _ error) {
	b.note("no TLS at %s with %s, in plaintext: %t", level, server.Host, inPlaintext)
}

func (b *book) Ended(d smarthost.Delivery) {
	if d.Device != "" {
		b.note("device %s", d.Device)
	}
	if d.Relaxed {
		b.note("relaxed")
	}
	if d.Use > 1 {
		b.note("use %d of a connection", d.Use)
	}
	b.note("%s by %s, TLS: %t, %d recipients: %s", d.Domain, d.Server.Host, d.TLS != nil, d.Recipients, d.Reply)
}

// client is the legacy server.
type client struct {
	net.Conn
	received *bufio.Reader
	t        *testing.T
}

func (w *world) dial() client {
	w.t.Helper()
	if w.proxy == nil {
		w.start()
	}
	conn, err := net.Dial("tcp", w.proxy.Addresses()[0].String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return client{conn, bufio.NewReader(conn), w.t}
}

// session returns a client that has sent EHLO.
func (w *world) session() client {
	w.t.Helper()
	c := w.dial()
	c.expect("220 mail.example.com")
	c.command("EHLO legacy.lan", "250 SMTPUTF8")
	return c
}

// expect reads a reply and checks the beginning of its last line.
func (c client) expect(want string) {
	c.t.Helper()
	for {
		line, err := c.received.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%v, want %q", err, want)
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, want) {
			c.t.Errorf("received %q, want %q", line, want)
		}
		return
	}
}

func (c client) command(line, want string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	c.expect(want)
}

// send sends a message to a recipient at a domain. The replies must begin as
// given; send stops at the first that is not positive.
func (c client) send(domain, rcpt, end string) {
	c.t.Helper()
	c.command("MAIL FROM:<alice@example.com>", "250")
	c.command("RCPT TO:<bob@"+domain+">", rcpt)
	if !strings.HasPrefix(rcpt, "2") {
		c.command("RSET", "250")
		return
	}
	c.command("DATA", "354")
	c.command("Subject: hello\r\n\r\nA line.\r\n.", end)
}
