package page

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

func newInfo(id, service string) *observe.Session {
	return &observe.Session{
		ID: id, Listener: &observe.Listener{Service: service, Address: ":0"},
		Client: netip.MustParseAddrPort("192.0.2.7:40000"), Opened: time.Now(),
	}
}

func tls13() *tls.ConnectionState {
	return &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768}
}

func options() Options {
	return Options{
		Hostname: func() string { return "mail.example.com" }, Version: "1.2.3",
		Listeners: func() []Listener {
			return []Listener{
				{"smtp", ":25", "opportunistic", "legacy.lan:25", []Backend{{Address: "legacy.lan:25", Up: true}}},
				{"imaps", ":993", "strict", "legacy.lan:143", []Backend{
					{Address: "legacy.lan:143", Up: true, Sessions: 1},
					{Address: "spare.lan:143", Error: "connection refused", Since: time.Now().Add(-time.Hour)},
				}},
				{"pop3s", ":995", "strict", "legacy.lan:110", nil},
			}
		},
		Certificates: func() []CertificateInfo {
			now := time.Now()
			return []CertificateInfo{
				{[]string{"mail.example.com", "imap.example.com"}, "Example CA", "ECDSA P-256", false, now, now.Add(80 * 24 * time.Hour), nil},
				{[]string{"mail.example.com"}, "mail.example.com", "RSA 2048", true, now, now.Add(3 * 24 * time.Hour), []string{"smtp on :25"}},
			}
		},
	}
}

// morning sends o the events of a small server: mail in plaintext, mail over TLS
// after a failed attempt, a mail program that logs in at the second try and stays, a
// login before TLS, and a connection at a limit.
func morning(o observe.Observer) {
	plain := newInfo("plain", "smtp")
	o.Opened(plain)
	time.Sleep(2 * time.Second)
	o.Closed(plain, observe.Summary{Received: 1500, Sent: 300, Reason: gate.Done})

	old := newInfo("old", "smtp")
	o.Opened(old)
	o.HandshakeFailed(old, observe.Offer{}, errors.New("tls: client offered only unsupported versions: [301]"))
	o.Closed(old, observe.Summary{Reason: gate.HandshakeFailed, Err: os.ErrDeadlineExceeded})

	secure := newInfo("secure", "smtp")
	o.Opened(secure)
	secure.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS12, CipherSuite: tls.TLS_RSA_WITH_AES_128_CBC_SHA, DidResume: true,
	}
	o.TLSEstablished(secure)
	time.Sleep(90 * time.Second)
	o.Closed(secure, observe.Summary{Received: 1 << 20, Sent: 300, Reason: gate.BackendGone})

	phone := newInfo("phone", "imaps")
	o.Opened(phone)
	phone.TLS = tls13()
	o.TLSEstablished(phone)
	o.Login(phone, "alice", "plain", gate.Answer{Outcome: gate.WrongPassword})
	phone.User = "alice"
	o.Login(phone, "alice", "PLAIN", gate.Answer{})

	o.LoginRefused(newInfo("clear", "imap"), "LOGIN")
	o.ConnectionRejected(&observe.Listener{Service: "imaps"}, netip.AddrPort{}, "limits.connections")
	time.Sleep(65 * time.Second)
}

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestStoryAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProxied(options())
		morning(s.All)
		var r report
		if err := json.Unmarshal([]byte(get(t, s.Handler(), "/status.json")), &r); err != nil {
			t.Fatal(err)
		}
		expect(t, "hostname", r.Hostname, "mail.example.com")
		expect(t, "sessions", r.Sessions, totals{Open: 1, Opened: 4, Rejected: 1, Handshakes: 2, HandshakeFailures: 1, Logins: 1, LoginFailures: 1})
		expect(t, "smtp", r.SMTP, split{TLS: 1, Plaintext: 2})
		expect(t, "services", names(r.Services, func(s service) string { return s.Name }), "[imaps pop3s smtp]")
		expect(t, "smtp bytes", r.Services[2].Received, uint64(1500+1<<20))
		expect(t, "smtp resumed", r.Services[2].Resumed, uint64(1))
		expect(t, "versions", counted(r.Versions), "[TLSv1.2:1 TLSv1.3:1]")
		expect(t, "suites", counted(r.Suites), "[AES128-SHA:1 TLS_AES_128_GCM_SHA256:1]")
		expect(t, "groups", counted(r.Groups), "[RSA:1 X25519MLKEM768:1]")
		expect(t, "outcomes", counted(r.Outcomes), "[backend-gone:1 done:1 handshake-failed:1]")
		expect(t, "failures", counted(r.HandshakeFailures), "[version:1]")
		expect(t, "refused", counted(r.RefusedBeforeTLS), "[LOGIN:1]")
		expect(t, "logins", fmt.Sprint(r.Logins), "[{imaps PLAIN 1 1 0 0}]")
		expect(t, "recent", names(r.Recent, func(l sessionLine) string { return l.ID + " " + l.Outcome }),
			"[secure backend-gone old handshake-failed plain done]")
		expect(t, "open", names(r.Open, func(l sessionLine) string { return l.ID + " " + l.User + " " + l.Client + " " + l.TLS }),
			"[phone alice 192.0.2.7:40000 TLSv1.3]")
		expect(t, "listeners", len(r.Listeners), 3)
		expect(t, "certificates", len(r.Certificates), 2)
	})
}

func mustReport(t *testing.T, s *Status) report {
	t.Helper()
	r, err := s.report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func names[T any](rows []T, name func(T) string) string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = name(row)
	}
	return fmt.Sprint(list)
}

func counted(rows []share) string {
	return names(rows, func(s share) string { return fmt.Sprintf("%s:%d", s.Name, s.Count) })
}

// Events of a session that was never opened do not make a count negative.
func TestNothingIsNeverNegative(t *testing.T) {
	s := New(Options{})
	unknown := newInfo("unknown", "imap")
	unknown.TLS = tls13()
	s.TLSEstablished(unknown)
	s.Login(unknown, "bob", "PLAIN", gate.Answer{})
	if r := mustReport(t, s); len(r.Open) != 0 || r.Sessions.Open != 0 || r.Sessions.Logins != 1 {
		t.Errorf("%+v", r)
	}
}
