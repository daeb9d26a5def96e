package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// plainGate is a protocol with two commands: LOGIN logs in, QUIT ends the
// session.
type plainGate struct{ s *gate.Session }

func (g plainGate) Secure(front *wire.Stream) error {
	if front.TLS() != nil {
		return nil
	}
	front.Print("hello\r\n")
	_ = front.Flush()
	line, err := front.ReadCommand()
	if err != nil {
		return gate.FromClient(err)
	}
	if string(line) == "STARTTLS" {
		return front.Upgrade("go\r\n")
	}
	front.UnreadLine()
	return nil
}

func (g plainGate) Open(back *wire.Stream) error {
	if _, err := back.ReadLine(); err != nil {
		return gate.FromBackend(err)
	}
	return nil
}

func (g plainGate) Settle(front, back *wire.Stream) error {
	line, err := front.ReadCommand()
	switch {
	case err != nil:
		return gate.FromClient(err)
	case string(line) == "QUIT":
		return gate.Because(gate.Done, nil)
	}
	front.Print("welcome\r\n")
	g.s.Observer.Login("alice", "PLAIN", gate.Answer{})
	return g.s.EnterStep(gate.LoggedIn)
}

func (g plainGate) Refuse(front *wire.Stream, why gate.Reason) {
	if why != gate.Done && why != gate.ClientGone && why != gate.HandshakeFailed {
		front.Print("bye ", why.String(), "\r\n")
		_ = front.Flush()
	}
}

// outcomes is an Observer that records events.
type outcomes struct {
	observe.SessionLog
	mu    sync.Mutex
	ended []gate.Reason
	users []string
	count int
}

func (r *outcomes) Closed(info *observe.Session, end observe.Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, end.Reason)
	r.users = append(r.users, info.User)
	r.SessionLog.Closed(info, end)
}

func (r *outcomes) ConnectionRejected(l *observe.Listener, client netip.AddrPort, limit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.SessionLog.ConnectionRejected(l, client, limit)
}

func (r *outcomes) reasons() []gate.Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

// world is a proxy in front of a backend that echoes.
type world struct {
	*Server
	first  *Generation
	t      testing.TB
	record *outcomes
	log    *wait.Log
	level  *slog.LevelVar // the level of log
}

// setup is a server and its first generation, before they are started.
type setup struct {
	*Server
	*Generation
}

func newWorld(t testing.TB, change func(*setup)) *world {
	t.Helper()
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		_, _ = io.Copy(conn, conn)
	})
	cert := authority.New(t).ECDSA(t, "mail.example.com")
	log := &wait.Log{}
	level := &slog.LevelVar{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	r := &outcomes{SessionLog: observe.SessionLog{Log: logger}}
	s := &setup{&Server{Observer: r, Log: logger}, &Generation{
		Hostname: "mail.example.com",
		Limits: Limits{
			Connections: 10000, ConnectionsPerClient: 10000, ConnectionsPerNetwork: 10000, Unauthenticated: 10000, UnauthenticatedPerClient: 10000,
			LoginFailuresPerClient: 50, LoginFailuresPerUser: 50, Handshakes: 10, Line: 1000, Token: 1000, Literal: 1000, Errors: 3, Message: 1000,
		},
		Timeouts: Timeouts{
			ProxyHeader: 10 * time.Second, Handshake: 10 * time.Second, Dial: 10 * time.Second, Greeting: 10 * time.Second, Command: 10 * time.Second,
			Login: 10 * time.Second, Unauthenticated: 10 * time.Second, LoginDelay: 10 * time.Second, LoginForget: time.Hour,
			Message: 10 * time.Second, Idle: 10 * time.Second, Data: 10 * time.Second, EndOfData: 10 * time.Second,
		},
	}}
	s.Listeners = []*Listener{{
		Service: "plain", Address: loopback.Host() + ":0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		AuthAllowed: func(*tls.ConnectionState) bool { return true },
		Backend:     &upstream.Pool{Addresses: []string{backend.Addr().String()}},
		NewGate:     func(s *gate.Session) Gate { return plainGate{s} },
	}}
	if change != nil {
		change(s)
	}
	if err := s.Listen(s.Generation); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	w := &world{s.Server, s.Generation, t, r, log, level}
	t.Cleanup(func() { _ = w.stop(0) })
	return w
}

func (w *world) stop(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return w.Shutdown(ctx)
}

// client is a connection of a test, with a reader.
type client struct {
	net.Conn
	*bufio.Reader
	t testing.TB
}

func (c client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (w *world) dial() client {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.Addresses()[0].String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return client{conn, bufio.NewReader(conn), w.t}
}

// loggedIn returns a client whose session is relayed.
func (w *world) loggedIn() client {
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	c.expect("welcome")
	return c
}

func (c client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) expect(want string) {
	c.t.Helper()
	line, err := c.ReadString('\n')
	if err != nil || strings.TrimRight(line, "\r\n") != want {
		c.t.Fatalf("received %q, %v; want %q", line, err, want)
	}
}

func (c client) expectEnd() {
	c.t.Helper()
	if line, err := c.ReadString('\n'); line != "" || !errors.Is(err, io.EOF) {
		c.t.Fatalf("received %q, %v; want the end", line, err)
	}
}
