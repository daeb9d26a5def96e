package explain

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/tlspolicy"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// tls10 and ecdsa12 are the offers of a client that knows only TLS 1.0, and of one
// that knows only RSA suites of TLS 1.2.
var (
	tls10 = tlspolicy.OfferOf([]uint16{tls.VersionTLS10}, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, nil)
	rsa12 = tlspolicy.OfferOf([]uint16{tls.VersionTLS12}, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, []tls.CurveID{tls.X25519})
	rc4   = tlspolicy.OfferOf([]uint16{tls.VersionTLS10}, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}, nil)
)

func ended(reason gate.Reason, refusals ...history.Refusal) history.Ending {
	for i := range refusals {
		refusals[i].At = now.Add(-time.Minute)
	}
	return history.Ending{
		ID: "4kzq1r8m2wbd", Service: "imaps", Listener: ":993", Policy: "strict", Client: netip.MustParseAddrPort("192.0.2.7:40000"),
		Opened: now.Add(-time.Minute), Ended: now.Add(-time.Minute), Reason: reason, Refusals: refusals,
	}
}

func facts(kind Kind, subject string) Facts {
	return Facts{Subject: subject, Kind: kind, Now: now, Policy: tlspolicy.Named}
}

func want(t *testing.T, a Answer, texts ...string) {
	t.Helper()
	all := ""
	for _, f := range a.Findings {
		all += f.Text + "\n -> " + f.Remedy + "\n"
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("no %q in\n%s", text, all)
		}
	}
}

// Each refusal is explained with its cause and its remedy.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		refusal history.Refusal
		wants   []string
	}{
		"an old client": {history.Refusal{Kind: history.Handshake, Class: "version", Text: "unsupported", Offered: tls10}, []string{
			"no TLS version in common", "the client offered the versions TLSv1", "the policy strict allows TLSv1.2 to TLSv1.3",
			`exceptions: [{networks: ["192.0.2.7"], policy: opportunistic, until: 2027-03-01, weak_login: true}]`}},
		"no key":               {history.Refusal{Kind: history.Handshake, Class: "suite", Offered: rsa12}, []string{"add an RSA certificate"}},
		"no policy":            {history.Refusal{Kind: history.Handshake, Class: "suite", Offered: rc4}, []string{"no policy admits it"}},
		"an unknown authority": {history.Refusal{Kind: history.Handshake, Class: "unknown-ca"}, []string{"does not know the authority", "install the authority"}},
		"another name":         {history.Refusal{Kind: history.Handshake, Class: "name", ServerName: "a\x1b"}, []string{`it asked for "a\x1b"`}},
		"plaintext":            {history.Refusal{Kind: history.BeforeTLS, Class: "LOGIN"}, []string{`sent "LOGIN" without TLS`, "STARTTLS"}},
		"a wrong password": {history.Refusal{Kind: history.Login, Class: "wrong-password", User: "alice", Mechanism: "PLAIN", Text: "AUTHENTICATIONFAILED"}, []string{
			`refused the login of "alice" by "PLAIN" for a wrong password ("AUTHENTICATIONFAILED")`, "correct the user name and the password"}},
		"a full server": {history.Refusal{Kind: history.Login, Class: "unavailable", Text: "INUSE"}, []string{"could not check the password", "the backend's own log"}},
		"weak TLS":      {history.Refusal{Kind: history.Denied, User: "alice", Text: gate.ErrWeakTLS.Error()}, []string{"not good enough for a password", "weak_login"}},
		"too many":      {history.Refusal{Kind: history.Denied, Text: "too many failed logins of this user (limits.login_failures_per_user)"}, []string{"letterlock failures forget"}},
		"a recipient":   {history.Refusal{Kind: history.Address, Class: "RCPT", Text: "550 no such user"}, []string{`RCPT was refused with "550 no such user"`}},
		"a message":     {history.Refusal{Kind: history.Message, Class: "deferred", Text: "451 later"}, []string{`a message was deferred: "451 later"`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(Client, "192.0.2.7")
			f.Endings = []history.Ending{ended(gate.Done, c.refusal)}
			want(t, Explain(f), append(c.wants, "imaps on :993 from 192.0.2.7")...)
		})
	}
}

// Failed logins that count come first, then open sessions; equal findings are one.
func TestOrder(t *testing.T) {
	f := facts(User, "alice")
	f.Open = []Open{{Open: observe.Open{Session: observe.Session{
		ID: "a", Listener: &observe.Listener{Service: "imaps", Address: ":993"}, Client: netip.MustParseAddrPort("192.0.2.7:40000"), User: "alice",
		Policy: "strict", TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519}, Opened: now, Backend: "10.0.0.5:143",
	}, Step: gate.Relaying, Moved: now.Add(-time.Minute)}}}
	f.Failures = []limit.LoginFailure{{User: "alice", Failures: 50, Limit: 50, Why: errors.New("too many"), Until: now.Add(time.Minute)}}
	wrong := history.Refusal{Kind: history.Login, Class: "wrong-password", User: "alice"}
	gone := ended(gate.BackendGone, wrong, wrong)
	gone.Backend, gone.Error = "10.0.0.5:143", "EOF"
	f.Endings = []history.Ending{gone, gone}
	f.Inventory = []inventory.Entry{{
		Key:   inventory.Key{Kind: inventory.Session, Service: "imaps", Listener: ":993", Network: netip.MustParsePrefix("192.0.2.0/24"), User: "alice", Offer: rsa12},
		Value: inventory.Value{Version: tlspolicy.VersionTLS12, Suite: tlspolicy.Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), Group: tlspolicy.Group(tls.X25519), Last: now, Count: 7},
	}, {
		Key:   inventory.Key{Kind: inventory.Failure, Service: "imaps", Listener: ":993", Network: netip.MustParsePrefix("192.0.2.0/24"), Class: "version", Offer: tls10},
		Value: inventory.Value{Address: netip.MustParseAddr("192.0.2.7"), Last: now, Count: 3},
	}}
	a := Explain(f)
	want(t, a, "silent for 1m0s", "at the backend 10.0.0.5:143", "refused until 12:01:00, even with the right password", `letterlock failures forget --user "alice"`,
		"ended as backend-gone", "see the backend's own log", "the client offers the versions TLSv1.2", "TLSv1.2 with ECDHE-RSA-AES128-GCM-SHA256 and X25519")
	counts := []int{}
	for _, found := range a.Findings {
		counts = append(counts, found.Count)
	}
	if len(counts) != 6 || counts[2] != 4 || counts[3] != 2 || counts[4] != 7 || counts[5] != 3 || !strings.HasPrefix(a.Findings[0].Text, `the user "alice" has 50 failed`) {
		t.Errorf("%v in %+v", counts, a)
	}
}

// A subject that the proxy has not seen leads to where it listens.
func TestNothing(t *testing.T) {
	f := facts(User, "al\x1bice")
	f.Kept, f.Since = 12, now
	f.Listeners = []observe.Listener{{Service: "imaps", Address: ":993"}, {Service: "smtp", Address: ":25"}}
	want(t, Explain(f), `the proxy has no record of the user "al\x1bice"`, "none of the last 12 sessions", "no entry in the inventory since 2026-11-29", "imaps on :993, smtp on :25")
}

func TestAnswerIsBounded(t *testing.T) {
	f := facts(Client, "192.0.2.7")
	for range 3 * maxFindings {
		e := ended(gate.Done)
		e.User = strings.Repeat("x", len(f.Endings))
		f.Endings = append(f.Endings, e)
	}
	if n := len(Explain(f).Findings); n != maxFindings {
		t.Errorf("%d findings", n)
	}
}
