package proxy

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// A rejected connection is logged with its limit.
func TestRejectedIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Limits.ConnectionsPerClient = 1 })
	w.dial().expect("hello")
	w.dial().expect("bye busy")
	want := regexp.MustCompile(`level=WARN msg="connection rejected" listener="plain on ` + regexp.QuoteMeta(loopback.Host()) + `:0" client=127.0.0.1:\d+ limit=limits.connections_per_client remedy="raise limits.conn`)
	wait.Until(t, "it is not logged", func() bool { return want.MatchString(w.log.String()) })
}

// leave are the ways in which a monitor ends its connection.
var leave = map[string]func(conn net.Conn){
	"closed": func(conn net.Conn) { _ = conn.Close() },
	"reset": func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	},
}

// A connection that closes without sending a byte is logged at most at level
// debug, on any kind of listener.
func TestSilentConnectionsAreNotLogged(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for kind, change := range map[string]func(*setup){
		"starttls": nil,
		"implicit": func(s *setup) { s.Listeners[0].Implicit = true },
		"early":    func(s *setup) { s.Listeners[0].Pause = s.Timeouts.Command },
		"balanced": func(s *setup) { s.Listeners[0].ProxyFrom = loopback },
	} {
		for way, end := range leave {
			t.Run(kind+", "+way, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, change)
				w.level.Set(slog.LevelDebug)
				before := len(w.log.String())
				end(w.dial().Conn)
				want := regexp.MustCompile(`level=DEBUG msg=(session .* outcome=client-gone|"connection without a proper PROXY header" .* error="closed without a byte")`)
				wait.Until(t, "the connection is not logged", func() bool { return want.MatchString(w.log.String()) })
				if text := w.log.String()[before:]; strings.Contains(text, "level=WARN") || strings.Contains(text, "level=INFO") {
					t.Error(text)
				}
			})
		}
	}
}

// A connection that has sent a byte is logged like other sessions. The client has the
// address of the listener, as a scan of this machine has.
func TestOthersAreLogged(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		change func(*setup)
		said   string
		want   string
	}{
		"starttls": {nil, "x", "level=INFO msg=session "},
		"implicit": {func(s *setup) { s.Listeners[0].Implicit = true }, "\x16", "level=INFO msg=\"TLS handshake with unknown[" + loopback.Host() + "] failed\""},
		"balanced": {func(s *setup) { s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }, "PROXY ", "level=WARN msg=\"connection without a proper PROXY header\""},
		"upgraded": {nil, "STARTTLS\r\n", "level=INFO msg=\"TLS handshake with unknown[" + loopback.Host() + "] failed\""},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			from, err := w.from(loopback.Host())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = from.Conn.Close() }()
			_, _ = io.WriteString(from.Conn, c.said)
			_ = from.Conn.(*net.TCPConn).CloseWrite()
			wait.Until(t, "the session is not logged", func() bool { return strings.Contains(w.log.String(), c.want) })
		})
	}
}
