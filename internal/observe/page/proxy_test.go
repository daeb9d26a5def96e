package page

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/proxy"
)

// welcoming is a gate that lets everybody in as alice, until they say a word.
type welcoming struct{ s *gate.Session }

func (welcoming) Secure(*wire.Stream) error { return nil }
func (welcoming) Open(*wire.Stream) error   { return nil }

func (g welcoming) Settle(front, _ *wire.Stream) error {
	g.s.Observer.Login("alice", "PLAIN", gate.Answer{})
	front.Print("welcome\r\n")
	_ = front.Flush()
	_, err := front.ReadCommand()
	if err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

func (welcoming) Refuse(*wire.Stream, gate.Reason) {}

// newProxy starts a proxy on loopback that s observes, in front of pool.
func newProxy(t *testing.T, s *Status, ca *authority.CA) (p *proxy.Server, pool *upstream.Pool) {
	t.Helper()
	pool = &upstream.Pool{Addresses: []string{loopback.Listen(t).Addr().String()}}
	const long = 20 * time.Second
	p = &proxy.Server{Observer: observe.All{s}, Log: slog.New(slog.DiscardHandler)}
	first := &proxy.Generation{
		Hostname: "localhost",
		Limits:   proxy.Limits{Connections: 9, ConnectionsPerClient: 9, Handshakes: 9, Line: 100, Token: 100, Literal: 100, Errors: 3, Message: 100},
		Timeouts: proxy.Timeouts{
			Handshake: long, Dial: long, Greeting: long, Command: long, Login: long, Idle: long, Data: long, EndOfData: long,
		},
		Listeners: []*proxy.Listener{{
			Service: "imaps", Address: "127.0.0.1:0", Implicit: true,
			TLS:         &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, "localhost")}},
			AuthAllowed: func(*tls.ConnectionState) bool { return true },
			Backend:     pool,
			NewGate:     func(s *gate.Session) proxy.Gate { return welcoming{s} },
		}},
	}
	if err := p.Listen(first); err != nil {
		t.Fatal(err)
	}
	p.Serve()
	return p, pool
}

func TestSessionsOfARealProxy(t *testing.T) {
	s, ca := New(Options{}), authority.New(t)
	p, pool := newProxy(t, s, ca)
	address := p.Addresses()[0].String()

	if conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "localhost"}); err == nil {
		_ = conn.Close()
		t.Fatal("a client that trusts nobody has connected")
	}
	client, err := tls.Dial("tcp", address, &tls.Config{ServerName: "localhost", RootCAs: ca.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	words := bufio.NewReader(client)
	if line, err := words.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	open := mustReport(t, s).Open
	alice := open[len(open)-1]
	for _, line := range open { // the first client's session may still be about to end
		if line.User != "" {
			alice = line
		}
	}
	expect(t, "user", alice.User, "alice")
	expect(t, "version", alice.TLS, "TLSv1.3")
	expect(t, "client", alice.Client, client.LocalAddr().String())
	backends := Backends(pool)
	expect(t, "backends", len(backends), 1)
	expect(t, "sessions at the backend", backends[0].Sessions, 1)
	expect(t, "backend is up", backends[0].Up, true)

	_, _ = io.WriteString(client, "enough\r\n")
	_, _ = io.Copy(io.Discard, words)               // until the proxy has ended it
	if err := p.Shutdown(t.Context()); err != nil { // waits for both to have ended
		t.Fatal(err)
	}
	r := mustReport(t, s)
	expect(t, "sessions", r.Sessions, totals{Opened: 2, Handshakes: 1, HandshakeFailures: 1, Logins: 1})
	expect(t, "failures", counted(r.HandshakeFailures), "[certificate:1]")
	expect(t, "ended", len(r.Recent), 2)
	expect(t, "received", r.Services[0].Received, uint64(len("enough\r\n")))
	expect(t, "sent", r.Services[0].Sent, uint64(len("welcome\r\n")))
}

func TestBackendThatIsDown(t *testing.T) {
	s, ca := New(Options{}), authority.New(t)
	p, pool := newProxy(t, s, ca)
	pool.Addresses = []string{"127.0.0.1:0"} // nobody can be reached there
	client, err := tls.Dial("tcp", p.Addresses()[0].String(), &tls.Config{ServerName: "localhost", RootCAs: ca.Pool})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, client) // until the proxy has ended it
	_ = client.Close()
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := Backends(pool)[0]
	if b.Up || b.Error == "" || b.Since.IsZero() {
		t.Errorf("%+v", b)
	}
	expect(t, "outcomes", counted(mustReport(t, s).Outcomes), "[backend-down:1]")
}
