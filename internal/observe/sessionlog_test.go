package observe

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// A failed handshake is logged with the useful parts of the offer.
func TestOffersAreLogged(t *testing.T) {
	out := &wait.Log{}
	l := SessionLog{Log: slog.New(slog.NewTextHandler(out, nil))}
	info := &Session{ID: "x", Listener: &Listener{Service: "imaps", Address: ":993"}, Client: netip.MustParseAddrPort("192.0.2.1:1")}
	offer := Offer{Versions: []uint16{tls.VersionTLS10}, Suites: make([]uint16, 30_000), Protocols: []string{"imap", "h2"}}
	offer.Suites[0] = tls.TLS_RSA_WITH_RC4_128_SHA
	l.HandshakeFailed(info, offer, errors.New("no"))
	if !strings.Contains(out.String(), "level=WARN") {
		t.Error(out)
	}
	for _, want := range []string{
		`msg="TLS handshake with unknown[192.0.2.1] failed"`, "client=192.0.2.1:1 ", "error=no", "versions=TLSv1 ", "suites=\"TLS_RSA_WITH_RC4_128_SHA,", "and 29960 more\"", "alpn=imap,h2",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out = &wait.Log{}
	l.Log = slog.New(slog.NewTextHandler(out, nil))
	info.Local = netip.AddrPortFrom(info.Client.Addr(), 993) // a scan from this machine
	if l.HandshakeFailed(info, offer, errors.New("no")); !strings.Contains(out.String(), "level=INFO") {
		t.Error(out)
	}
}

// Refused logins and the results of messages are logged with everything needed
// to answer a complaint, in each format.
func TestComplaintsCanBeAnswered(t *testing.T) {
	info := &Session{ID: "x", Listener: &Listener{Service: "smtp", Address: ":25"}, Client: netip.MustParseAddrPort("192.0.2.1:1")}
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
		log := loghandler.New(out, loghandler.Options{Format: format, Header: true, MaxValue: 256, Rates: loghandler.Rates{Client: 1 << 20, Network: 1 << 20, Total: 1 << 20}})
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
