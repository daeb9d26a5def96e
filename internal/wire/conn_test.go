package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

var generous = Limits{Line: 64, Wait: 10 * time.Second, Text: 10 * time.Second, Verdict: 10 * time.Second, Write: 10 * time.Second}

// pair returns a Conn and its peer, over real sockets.
func pair(t testing.TB, limits Limits) (*Conn, net.Conn) {
	t.Helper()
	l := loopback.Listen(t)
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = peer.Close(), conn.Close() })
	return New(conn, limits), peer
}

func send(t testing.TB, peer net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(peer, text); err != nil {
		t.Fatal(err)
	}
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 62)
	for _, test := range []struct {
		name, sent string
		lenient    bool
		want       []any // strings and errors
	}{
		{"lines", "a\r\nb c\r\n\r\n", false, []any{"a", "b c", "", io.EOF}},
		{"bare LF", "a\nb\r\n", false, []any{ErrBareLF, "b", io.EOF}},
		{"bare LF from a backend", "a\nb\r\n", true, []any{"a", "b", io.EOF}},
		{"bare CR", "a\rb\r\nc\r\n", false, []any{ErrBareCR, "c", io.EOF}},
		{"two CR", "a\r\r\nc\r\n", false, []any{ErrBareCR, "c", io.EOF}},
		{"NUL", "a\x00b\r\nc\r\n", false, []any{ErrNUL, "c", io.EOF}},
		{"the maximum length", long + "\r\n", false, []any{long, io.EOF}},
		{"longer", long + "x\r\n", false, []any{ErrLineTooLong}},
		{"without end", strings.Repeat("x", 500), false, []any{ErrLineTooLong}},
		{"cut off", "a\r\nb", false, []any{"a", io.ErrUnexpectedEOF}},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := generous
			limits.Backend = test.lenient
			c, peer := pair(t, limits)
			send(t, peer, test.sent)
			_ = peer.(*net.TCPConn).CloseWrite()
			for _, want := range test.want {
				line, err := c.ReadLine()
				if wantErr, ok := want.(error); ok {
					if !errors.Is(err, wantErr) {
						t.Fatalf("got %q, %v; want %v", line, err, wantErr)
					}
				} else if err != nil || string(line) != want {
					t.Fatalf("got %q, %v; want %q", line, err, want)
				}
			}
		})
	}
}

// TestMixedReading interleaves lines and counted text in random segments and
// loses nothing.
func TestMixedReading(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	c, peer := pair(t, generous)
	const rounds = 300
	go func() {
		stream := strings.Repeat("line\r\n0123456789", rounds)
		for len(stream) > 0 {
			n := min(len(stream), 1+random.IntN(40))
			if _, err := io.WriteString(peer, stream[:n]); err != nil {
				return
			}
			stream = stream[n:]
		}
	}()
	for range rounds {
		line, err := c.ReadLine()
		if err != nil || string(line) != "line" {
			t.Fatalf("line %q, %v", line, err)
		}
		text, err := c.Literal(10)
		if err != nil || string(text) != "0123456789" {
			t.Fatalf("text %q, %v", text, err)
		}
	}
}

func TestUnreadLine(t *testing.T) {
	c, peer := pair(t, generous)
	send(t, peer, "first\r\nsecond\r\n")
	for i, want := range []string{"first", "first", "second"} {
		line, err := c.ReadCommand()
		if err != nil || string(line) != want {
			t.Fatalf("got %q, %v; want %q", line, err, want)
		}
		if i == 0 {
			c.UnreadLine()
		}
	}
}

// A line must be complete in time, however slowly its bytes arrive.
func TestTrickle(t *testing.T) {
	limits := generous
	limits.Wait = 200 * time.Millisecond
	c, peer := pair(t, limits)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				if _, err := io.WriteString(peer, "x"); err != nil {
					return
				}
			}
		}
	}()
	if line, err := c.ReadLine(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %q, %v", line, err)
	}
}

func TestInterrupt(t *testing.T) {
	c, _ := pair(t, generous)
	c.Hold(true)
	c.Interrupt()
	c.Hold(false)
	if _, err := c.ReadCommand(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("an interrupt before the wait: %v", err)
	}
	c, _ = pair(t, generous)
	go c.Interrupt()
	if _, err := c.ReadCommand(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("an interrupt during the wait: %v", err)
	}
	c, peer := pair(t, generous)
	c.Hold(true)
	c.Interrupt()
	send(t, peer, "go on\r\n")
	if line, err := c.ReadCommand(); err != nil || string(line) != "go on" {
		t.Fatalf("an interrupt while held: %q, %v", line, err)
	}
}

func TestUpgrade(t *testing.T) {
	ca := authority.New(t)
	cert := ca.ECDSA(t, "mail.example.com")
	handshake := func(conn net.Conn) (*tls.Conn, error) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		return s, s.Handshake()
	}
	t.Run("clean", func(t *testing.T) {
		c, peer := pair(t, generous)
		c.Handshake = handshake
		go func() {
			reply := make([]byte, 4)
			_, _ = io.ReadFull(peer, reply)
			client := tls.Client(peer, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
			_, _ = io.WriteString(client, "inside\r\n")
		}()
		if err := c.Upgrade("go\r\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := c.ReadLine(); err != nil || string(line) != "inside" || c.TLS() == nil {
			t.Fatalf("%q, %v", line, err)
		}
	})
	t.Run("injected", func(t *testing.T) {
		c, peer := pair(t, generous)
		c.Handshake = handshake
		send(t, peer, "STARTTLS\r\nNOOP\r\n")
		if _, err := c.ReadLine(); err != nil {
			t.Fatal(err)
		}
		if err := c.Upgrade("go\r\n"); !errors.Is(err, ErrPipelined) || c.Sent() != 0 {
			t.Fatalf("%v, %d bytes sent", err, c.Sent())
		}
	})
	t.Run("failed", func(t *testing.T) {
		c, peer := pair(t, generous)
		c.Handshake = func(net.Conn) (*tls.Conn, error) { return nil, errors.New("no") }
		if err := c.Upgrade("go\r\n"); err == nil {
			t.Fatal("no error")
		}
		c.Print("421 in plaintext\r\n")
		_, _ = c.Write(bytes.Repeat([]byte("x"), 2*outBuffer))
		go func() { _ = c.Close() }()
		if said, err := io.ReadAll(peer); err != nil || string(said) != "go\r\n" {
			t.Fatalf("%.60q, %v", said, err)
		}
	})
	t.Run("not available", func(t *testing.T) {
		c, _ := pair(t, generous)
		if err := c.Upgrade("go\r\n"); !errors.Is(err, ErrNoTLS) {
			t.Fatal(err)
		}
	})
}

func TestWriteErrorStays(t *testing.T) {
	c, _ := pair(t, generous)
	c.Abort()
	c.Print("lost")
	first := c.Flush()
	if first == nil || c.Flush() == nil {
		t.Fatal("a write after a lost reply succeeded")
	}
	if _, err := c.Write(make([]byte, outBuffer)); err == nil {
		t.Fatal("a large write after a lost reply succeeded")
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\r\nb\nc\rd\x00\r\n"), 3)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		server, client := net.Pipe()
		c := New(server, generous)
		go func() {
			defer func() { _ = client.Close() }()
			for len(stream) > 0 {
				n := min(len(stream), 1+(size&0xff))
				if _, err := client.Write(stream[:n]); err != nil {
					return
				}
				stream = stream[n:]
			}
		}()
		defer c.Abort()
		for {
			line, err := c.ReadLine()
			if _, ok := errors.AsType[SyntaxError](err); ok {
				continue
			}
			if err != nil {
				return
			}
			if strings.ContainsAny(string(line), "\r\n\x00") || len(line)+2 > generous.Line {
				t.Fatalf("line %q", line)
			}
		}
	})
}
