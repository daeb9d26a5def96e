package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// A failed handshake is logged with what was offered, as far as that is worth
// telling.
func TestOffersAreLogged(t *testing.T) {
	out := &wait.Log{}
	l := SessionLog{Log: slog.New(slog.NewTextHandler(out, nil))}
	info := &Info{ID: "x", Listener: &Listener{Service: "imaps", Address: ":993"}, Client: netip.MustParseAddrPort("192.0.2.1:1")}
	offer := Offer{Versions: []uint16{tls.VersionTLS10}, Suites: make([]uint16, 30_000), Protocols: []string{"imap", "h2"}}
	offer.Suites[0] = tls.TLS_RSA_WITH_RC4_128_SHA
	l.HandshakeFailed(info, offer, errors.New("no"))
	for _, want := range []string{
		`msg="TLS handshake with unknown[192.0.2.1] failed"`, "client=192.0.2.1:1 ", "error=no", "versions=TLSv1 ", "suites=\"TLS_RSA_WITH_RC4_128_SHA,", "and 29960 more\"", "alpn=imap,h2",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// Clients that are turned away are logged with the limit that they have met.
func TestTurnedAwayIsLogged(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.Limits.ConnectionsPerClient = 1 })
	w.dial().hear("hello")
	w.dial().hear("bye busy")
	want := regexp.MustCompile(`level=WARN msg="connection turned away" listener="plain on 127.0.0.1:0" client=127.0.0.1:\d+ limit=limits.connections_per_client remedy="raise limits.conn`)
	wait.Until(t, "it is not logged", func() bool { return want.MatchString(w.log.String()) })
}

// Refused logins, and what becomes of mail, are logged with all that a complaint
// can be answered with, in each format.
func TestComplaintsCanBeAnswered(t *testing.T) {
	info := &Info{ID: "x", Listener: &Listener{Service: "smtp", Address: ":25"}, Client: netip.MustParseAddrPort("192.0.2.1:1")}
	for format, wants := range map[string][]string{
		"text": {
			`msg="recipient refused" session=x service=smtp client=192.0.2.1:1 from=<> to=<b@example.com> by=letterlock reply="550 5.7.1 Relaying denied"`,
			`msg="sender refused" session=x service=smtp client=192.0.2.1:1 from=<a@b.example> by=backend reply="553 5.1.8 no"`,
			`msg="mail accepted" session=x service=smtp client=192.0.2.1:1 from=<a@b.example> recipients=2 size=1234 reply="250 2.0.0 queued as 4711"`,
			`msg="mail lost" session=x service=smtp client=192.0.2.1:1 from=<a@b.example> recipients=1 size=0 error=EOF`,
		},
		"json": {
			`"msg":"login refused","session":"x","service":"smtp","client":"192.0.2.1:1","user":"alice","mechanism":"PLAIN","reason":"the TLS session is not good enough for a password"}`,
			`"msg":"recipient refused","session":"x","service":"smtp","client":"192.0.2.1:1","from":"<>","to":"<b@example.com>","by":"letterlock","reply":"550 5.7.1 Relaying denied"}`,
			`"msg":"mail accepted","session":"x","service":"smtp","client":"192.0.2.1:1","from":"<a@b.example>","recipients":2,"size":1234,"reply":"250 2.0.0 queued as 4711"}`,
		},
		"postfix": {
			`]: recipient refused session=x client=192.0.2.1:1 from=<> to=<b@example.com> by=letterlock reply="550 5.7.1 Relaying denied"`,
			`]: mail accepted session=x client=192.0.2.1:1 from=<a@b.example> recipients=2 size=1234 reply="250 2.0.0 queued as 4711"`,
		},
	} {
		out := &wait.Log{}
		log := observe.NewLog(out, observe.Options{Format: format, Header: true, MaxValue: 256, Rates: observe.Rates{Client: 1 << 20, Network: 1 << 20, Total: 1 << 20}})
		l := SessionLog{Log: slog.New(log)}
		l.Rejected(info, gate.Rejection{Command: "RCPT", To: "b@example.com", Reply: "550 5.7.1 Relaying denied", Ours: true})
		l.Denied(info, "alice", "PLAIN", gate.ErrWeakTLS)
		l.Rejected(info, gate.Rejection{Command: "MAIL", From: "a@b.example", Reply: "553 5.1.8 no"})
		l.Message(info, gate.Message{From: "a@b.example", Recipients: 2, Size: 1234, Reply: "250 2.0.0 queued as 4711"})
		l.Message(info, gate.Message{From: "a@b.example", Recipients: 1, Err: io.EOF})
		log.Close(time.Minute)
		for _, want := range wants {
			if !strings.Contains(out.String(), want+"\n") {
				t.Errorf("%s: no %s in\n%s", format, want, out)
			}
		}
	}
}

// leave are the ways in which a monitor ends its connection.
var leave = map[string]func(conn net.Conn){
	"closed": func(conn net.Conn) { _ = conn.Close() },
	"reset": func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	},
}

// Who connects and closes without a byte is no session that matters, on any
// kind of listener: at most debug.
func TestSilentConnectionsAreNotLogged(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for kind, change := range map[string]func(*setup){
		"starttls": nil,
		"implicit": func(s *setup) { s.Listeners[0].Implicit = true },
		"early":    func(s *setup) { s.Listeners[0].Pause = s.Timeouts.Command },
		"balanced": func(s *setup) { s.Listeners[0].ProxyFrom = loopback },
	} {
		for way, end := range leave {
			t.Run(kind+", "+way, func(t *testing.T) {
				w := newWorld(t, change)
				w.level.Set(slog.LevelDebug)
				before := len(w.log.String())
				end(w.dial().Conn)
				want := regexp.MustCompile(`level=DEBUG msg=(session .* outcome=client-gone|"connection without a proper PROXY header" .* error="closed without a byte")`)
				wait.Until(t, "nothing is logged", func() bool { return want.MatchString(w.log.String()) })
				if text := w.log.String()[before:]; strings.Contains(text, "level=WARN") || strings.Contains(text, "level=INFO") {
					t.Error(text)
				}
			})
		}
	}
}

// A client that has sent a byte is a session like others.
func TestOthersAreLogged(t *testing.T) {
	for kind, c := range map[string]struct {
		change func(*setup)
		said   string
		want   string
	}{
		"starttls": {nil, "x", "level=INFO msg=session "},
		"implicit": {func(s *setup) { s.Listeners[0].Implicit = true }, "\x16", "level=WARN msg=\"TLS handshake with unknown[127.0.0.1] failed\""},
		"balanced": {func(s *setup) { s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }, "PROXY ", "level=WARN msg=\"connection without a proper PROXY header\""},
		"upgraded": {nil, "STARTTLS\r\n", "level=WARN msg=\"TLS handshake with unknown[127.0.0.1] failed\""},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, c.change)
			conn := w.dial().Conn
			_, _ = io.WriteString(conn, c.said)
			_ = conn.(*net.TCPConn).CloseWrite()
			wait.Until(t, "nothing is logged", func() bool { return strings.Contains(w.log.String(), c.want) })
		})
	}
}
