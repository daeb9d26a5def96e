package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/testca"
	"github.com/letterlock/letterlock/internal/testlog"
	"github.com/letterlock/letterlock/internal/testnet"
	"github.com/letterlock/letterlock/internal/testwait"
	"github.com/letterlock/letterlock/internal/wire"
)

// plainGate is a protocol of two words: LOGIN earns the relay, QUIT ends.
type plainGate struct{ s *gate.Session }

func (g plainGate) Secure(front *wire.Conn) error {
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

func (g plainGate) Open(back *wire.Conn) error {
	if _, err := back.ReadLine(); err != nil {
		return gate.FromBackend(err)
	}
	return nil
}

func (g plainGate) Settle(front, back *wire.Conn) error {
	line, err := front.ReadCommand()
	switch {
	case err != nil:
		return gate.FromClient(err)
	case string(line) == "QUIT":
		return gate.Because(gate.Done, nil)
	}
	front.Print("welcome\r\n")
	g.s.Watch.Login("alice", "PLAIN", true)
	front.Lift()
	return nil
}

func (g plainGate) Refuse(front *wire.Conn, why gate.Reason) {
	if why != gate.Done && why != gate.ClientGone && why != gate.HandshakeFailed {
		front.Print("bye ", why.String(), "\r\n")
		_ = front.Flush()
	}
}

// record is an Observer that remembers.
type record struct {
	SessionLog
	mu    sync.Mutex
	ended []gate.Reason
	users []string
	count int
}

func (r *record) Closed(info *Info, end Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, end.Reason)
	r.users = append(r.users, info.User)
	r.SessionLog.Closed(info, end)
}

func (r *record) Turned(*Listener, netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
}

func (r *record) reasons() []gate.Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

// world is a proxy in front of a backend that echoes.
type world struct {
	*Server
	first  *Generation
	t      testing.TB
	record *record
	log    *testlog.Text
}

// setup is a server and its first generation, before they are at work.
type setup struct {
	*Server
	*Generation
}

func newWorld(t testing.TB, change func(*setup)) *world {
	t.Helper()
	backend := testnet.Listen(t)
	testnet.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		_, _ = io.Copy(conn, conn)
	})
	cert := testca.New(t).ECDSA(t, "mail.example.com")
	log := &testlog.Text{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	r := &record{SessionLog: SessionLog{Log: logger}}
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
		Service: "plain", Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		Strong:  func(*tls.ConnectionState) bool { return true },
		Backend: &Pool{Addresses: []string{backend.Addr().String()}},
		NewGate: func(s *gate.Session) Gate { return plainGate{s} },
	}}
	if change != nil {
		change(s)
	}
	if err := s.Listen(s.Generation); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	w := &world{s.Server, s.Generation, t, r, log}
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
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return client{conn, bufio.NewReader(conn), w.t}
}

// loggedIn is a client whose session is relayed.
func (w *world) loggedIn() client {
	c := w.dial()
	c.hear("hello")
	c.say("LOGIN")
	c.hear("welcome")
	return c
}

func (c client) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) hear(want string) {
	c.t.Helper()
	line, err := c.ReadString('\n')
	if err != nil || strings.TrimRight(line, "\r\n") != want {
		c.t.Fatalf("heard %q, %v; want %q", line, err, want)
	}
}

func (c client) hearEnd() {
	c.t.Helper()
	if line, err := c.ReadString('\n'); line != "" || !errors.Is(err, io.EOF) {
		c.t.Fatalf("heard %q, %v; want the end", line, err)
	}
}

func TestRelayCarriesEveryByte(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.hear("hello")
	c.say("STARTTLS")
	c.hear("go")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c = client{secure, bufio.NewReader(secure), t}
	text := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{7})
	_, _ = random.Read(text)
	go func() {
		_, _ = c.Write(append([]byte("LOGIN\r\n"), text...)) // the text is pipelined behind the login
		_ = secure.CloseWrite()
	}()
	c.hear("welcome")
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%d bytes came back, %v; want the %d that were sent", len(got), err, len(text))
	}
	testwait.Until(t, "the session is not forgotten", func() bool { return w.Sessions() == 0 })
	if !slices.Equal(w.record.reasons(), []gate.Reason{gate.Done}) || w.record.users[0] != "alice" {
		t.Fatalf("ended %v", w.record.ended)
	}
	for _, words := range []string{"Anonymous TLS connection established from unknown[127.0.0.1]: TLSv1.3 with cipher TLS_AES_", "outcome=done", "user=alice", "received="} {
		if !strings.Contains(w.log.String(), words) {
			t.Errorf("the log lacks %q:\n%s", words, w.log)
		}
	}
}

func TestBackendDown(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.Listeners[0].Backend.Addresses = []string{gone} })
	c := w.dial()
	c.hear("hello")
	c.say("LOGIN")
	c.hear("bye backend-down")
	c.hearEnd()
}

func TestPublicBackendIsRefused(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.Listeners[0].Backend.Addresses = []string{"[2001:db8::1]:25"} })
	c := w.dial()
	c.hear("hello")
	c.say("LOGIN")
	c.hear("bye backend-down")
	testwait.Until(t, "no session", func() bool { return len(w.record.reasons()) == 1 })
	if !strings.Contains(w.log.String(), "allow_public_plaintext_backend") {
		t.Errorf("the log does not name the remedy:\n%s", w.log)
	}
}

func TestShutdownSaysGoodbye(t *testing.T) {
	for name, reach := range map[string]func(*world) client{
		"between commands": func(w *world) client { c := w.dial(); c.hear("hello"); return c },
		"relayed":          (*world).loggedIn,
		"relayed, after traffic": func(w *world) client {
			c := w.loggedIn()
			c.say("ping")
			c.hear("ping")
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c := reach(w)
			stopped := make(chan error)
			go func() { stopped <- w.stop(20 * time.Second) }()
			c.hear("bye shutdown")
			c.hearEnd()
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestShutdownCutsAtItsDeadline(t *testing.T) {
	w := newWorld(t, nil)
	c := w.loggedIn()
	if _, err := io.WriteString(c.Conn, "half a line"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peek(1); err != nil { // it has come back, and no goodbye fits in behind it
		t.Fatal(err)
	}
	if err := w.stop(time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestTimeouts(t *testing.T) {
	short := 50 * time.Millisecond
	t.Run("command", func(t *testing.T) {
		c := newWorld(t, func(s *setup) { s.Timeouts.Command = short }).dial()
		c.hear("hello")
		c.hear("bye timeout")
		c.hearEnd()
	})
	t.Run("login", func(t *testing.T) {
		c := newWorld(t, func(s *setup) { s.Timeouts.Login = short }).dial()
		c.hear("hello")
		c.hear("bye timeout")
		c.hearEnd()
	})
	t.Run("idle", func(t *testing.T) {
		c := newWorld(t, func(s *setup) { s.Timeouts.Idle = short }).loggedIn()
		c.hear("bye timeout")
		c.hearEnd()
	})
	t.Run("handshake", func(t *testing.T) {
		c := newWorld(t, func(s *setup) { s.Timeouts.Handshake = short }).dial()
		c.hear("hello")
		c.say("STARTTLS")
		c.hear("go")
		c.hearEnd()
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWorld(t, nil)
	for range 20 {
		c := w.loggedIn()
		c.say("x")
		c.hear("x")
		_ = c.Conn.Close()
	}
	half := w.dial()
	half.hear("hello")
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	_ = half.Conn.Close()
	// The backend of the test is still there: its accept loop, and nothing more.
	testwait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+1 })
}
