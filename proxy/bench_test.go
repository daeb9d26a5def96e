package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
)

// bulk is the number of bytes that the backend of the relay's benchmarks reads and
// writes at once.
const bulk = 1 << 20

// newStore is a proxy in front of a backend that takes and gives bulk.
func newStore(b *testing.B) *world {
	b.Helper()
	backend := loopback.Listen(b)
	loopback.Serve(backend, store)
	return newWorld(b, func(s *setup) { s.Listeners[0].Backend = &upstream.Pool{Addresses: []string{backend.Addr().String()}} })
}

func store(conn net.Conn) {
	_, err := io.WriteString(conn, "backend\r\n")
	in, text := bufio.NewReaderSize(conn, 64<<10), bytes.Repeat([]byte{'x'}, bulk)
	for err == nil {
		var line string
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
		switch line {
		case "give\r\n":
			_, err = conn.Write(text)
		case "take\r\n":
			if _, err = in.Discard(bulk); err == nil {
				_, err = io.WriteString(conn, "taken\r\n")
			}
		default:
			_, err = io.WriteString(conn, line)
		}
	}
}

// BenchmarkRelay moves bytes through a TLS session. The client and the backend
// are in the figures too, which are for comparing this proxy with itself.
func BenchmarkRelay(b *testing.B) {
	b.Run("down", func(b *testing.B) {
		c := newStore(b).secured()
		b.SetBytes(bulk)
		for b.Loop() {
			c.send("give")
			if _, err := c.Discard(bulk); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("up", func(b *testing.B) {
		c, text := newStore(b).secured(), bytes.Repeat([]byte{'x'}, bulk)
		b.SetBytes(bulk)
		for b.Loop() {
			c.send("take")
			if _, err := c.Write(text); err != nil {
				b.Fatal(err)
			}
			c.expect("taken")
		}
	})
	b.Run("roundtrip", func(b *testing.B) {
		c := newStore(b).secured()
		b.ReportAllocs()
		for b.Loop() {
			if err := c.echo(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

var pingLine = []byte("ping\r\n")

// echo is a round trip that itself allocates nothing.
func (c client) echo() error {
	if _, err := c.Write(pingLine); err != nil {
		return err
	}
	_, err := c.ReadSlice('\n')
	return err
}

// BenchmarkSession is a session from its connection to its end, STARTTLS and
// login included.
func BenchmarkSession(b *testing.B) {
	w := newWorld(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := runSession(w.Addresses()[0].String()); err != nil {
			b.Fatal(err)
		}
	}
}

// runSession runs a whole session of plainGate's protocol.
func runSession(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	step := func(command, reply string) error {
		if _, err := io.WriteString(conn, command); err != nil {
			return err
		}
		if line, err := in.ReadString('\n'); err != nil || line != reply {
			return fmt.Errorf("%q, %w; want %q", line, err, reply)
		}
		return nil
	}
	if err := step("", "hello\r\n"); err != nil {
		return err
	}
	if err := step("STARTTLS\r\n", "go\r\n"); err != nil {
		return err
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		return err
	}
	conn, in = secure, bufio.NewReader(secure)
	if err := step("LOGIN\r\n", "welcome\r\n"); err != nil {
		return err
	}
	return step("ping\r\n", "ping\r\n")
}

// TestRoundTripAllocatesNothing counts what clients and the backend allocate
// too; with TLS those are the small readers that crypto/tls makes for a record,
// one or two on either side.
func TestRoundTripAllocatesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		open func(*world) client
		most float64
	}{
		"in plaintext": {(*world).loggedIn, 0},
		"with TLS":     {(*world).secured, 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.open(newWorld(t, nil))
			if n := testing.AllocsPerRun(2000, func() {
				if err := c.echo(); err != nil {
					t.Fatal(err)
				}
			}); n > test.most {
				t.Errorf("%v allocations for a round trip, %v are allowed", n, test.most)
			}
		})
	}
}

// sessionAllocations bounds the allocations of a session without its TLS handshake:
// its own parts, its line in the log, and the connection to the backend. These
// are about 120; the race detector lets pools drop things, which adds about ten.
const sessionAllocations = 140

func TestSessionAllocations(t *testing.T) {
	w := newWorld(t, nil)
	bare := loopback.Listen(t)
	go serveBare(bare, w.first.Listeners[0].TLS)
	whole := allocations(t, w.Addresses()[0].String(), func() bool { return w.Sessions() == 0 })
	handshake := allocations(t, bare.Addr().String(), func() bool { return true })
	t.Logf("%.0f allocations for a session, %.0f without the proxy", whole, handshake)
	if own := whole - handshake; own > sessionAllocations {
		t.Errorf("a session allocates %.0f times beside its handshake; at most %d are allowed", own, sessionAllocations)
	}
}

// allocations counts the allocations of a session, after a first series of sessions
// has made what is made once.
func allocations(t *testing.T, address string, over func() bool) float64 {
	t.Helper()
	const sessions = 100
	var before, after runtime.MemStats
	for _, m := range []*runtime.MemStats{&before, &after} {
		for range sessions {
			if err := runSession(address); err != nil {
				t.Fatal(err)
			}
		}
		wait.Until(t, "sessions stay", over)
		runtime.ReadMemStats(m)
	}
	return float64(after.Mallocs-before.Mallocs) / sessions
}

// serveBare says what the proxy would, with crypto/tls alone.
func serveBare(l net.Listener, config *tls.Config) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "hello\r\n")
		_, _ = conn.Read(make([]byte, 64))
		_, _ = io.WriteString(conn, "go\r\n")
		secure := tls.Server(conn, config)
		in := make([]byte, 64)
		_, _ = secure.Read(in)
		_, _ = io.WriteString(secure, "welcome\r\n")
		n, _ := secure.Read(in)
		_, _ = secure.Write(in[:n])
		_ = conn.Close()
	}
}
