package access

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/devices"
)

// counted is a Logins that notes its calls.
type counted struct {
	failed, succeeded []string
	delay             time.Duration
	refused           error
}

func (c *counted) Admit(netip.Addr, string, time.Time) (time.Duration, error) {
	return c.delay, c.refused
}
func (c *counted) Failed(_ netip.Addr, user string, _ time.Time) { c.failed = append(c.failed, user) }
func (c *counted) Succeeded(_ netip.Addr, user string, _ time.Time) {
	c.succeeded = append(c.succeeded, user)
}

// desk is a Guard with one administrator, in front of a handler that names who asks.
type desk struct {
	*testing.T
	*Guard
	file   string
	rules  Rules
	logins counted
	http.Handler
}

const password = "correct horse battery staple"

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, file: filepath.Join(t.TempDir(), "passwords")}
	d.write("ann", password)
	d.rules.Passwords = devices.NewPasswords(d.file)
	if err := d.rules.Passwords.Load(); err != nil {
		t.Fatal(err)
	}
	d.Guard = New(Options{Rules: func() Rules { return d.rules }, Logins: func() Logins { return &d.logins }, Log: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "for "+Name(r.Context())) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "10.0.0.1 is down", http.StatusServiceUnavailable)
	})
	mux.Handle("POST /", d.Actions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "done by "+Name(r.Context()))
	})))
	d.Handler = d.Guard.Handler(mux)
	return d
}

func (d *desk) write(name, password string) {
	d.Helper()
	line, err := devices.Line(name, password)
	if err == nil {
		err = os.WriteFile(d.file, []byte(line+"\n"), 0o600)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// ask sends a request; change may add to it.
func (d *desk) ask(method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func (d *desk) expect(what string, w *httptest.ResponseRecorder, status int, body string) {
	d.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), body) {
		d.Errorf("%s: %d %q, want %d %q", what, w.Code, w.Body, status, body)
	}
}

func ann(r *http.Request) { r.SetBasicAuth("ann", password) }

// H22: without the right password nothing is shown, and wrong passwords count as
// failed logins.
func TestH22_PasswordOfThePage(t *testing.T) {
	d := newDesk(t)
	w := d.ask("GET", "/", nil)
	d.expect("no password", w, 401, "required")
	if got := w.Header().Get("WWW-Authenticate"); got != `Basic realm="Letterlock", charset="UTF-8"` {
		t.Errorf("%q", got)
	}
	for name, set := range map[string]func(*http.Request){
		"wrong password": func(r *http.Request) { r.SetBasicAuth("ann", "wrong") },
		"unknown name":   func(r *http.Request) { r.SetBasicAuth("bob", password) },
		"name swapped":   func(r *http.Request) { r.SetBasicAuth("anncorrect", password[7:]) },
		"no scheme":      func(r *http.Request) { r.Header.Set("Authorization", password) },
	} {
		d.expect(name, d.ask("GET", "/", set), 401, "required")
	}
	if len(d.logins.failed) != 3 || !strings.HasPrefix(d.logins.failed[0], "status page: ") {
		t.Errorf("failed logins: %q", d.logins.failed)
	}
	for range 2 {
		d.expect("the right one", d.ask("GET", "/", ann), 200, "for ann")
	}
	if len(d.logins.succeeded) != 1 {
		t.Errorf("successes: %q; the second password must not be computed again", d.logins.succeeded)
	}
}

// H22: a client that has failed too often is refused even with the right password,
// whether that was computed before or not.
func TestH22_GuessingIsBounded(t *testing.T) {
	d := newDesk(t)
	d.expect("before", d.ask("GET", "/", ann), 200, "for ann")
	d.logins.refused = errors.New("too many failed logins")
	d.expect("after", d.ask("GET", "/", ann), 429, "too many failed logins")
}

// H22: a login is delayed, but never for longer than the server waits for an answer.
func TestH22_GuessingIsDelayed(t *testing.T) {
	d := newDesk(t)
	synctest.Test(t, func(t *testing.T) {
		for _, d.logins.delay = range []time.Duration{time.Second, time.Minute} {
			began := time.Now()
			d.expect("delayed", d.ask("GET", "/", ann), 200, "for ann")
			if waited := time.Since(began); waited != min(d.logins.delay, longestDelay) {
				t.Errorf("%s after %s", waited, d.logins.delay)
			}
		}
	})
}

// A password that has changed is refused at once, although it was right before.
func TestChangedPassword(t *testing.T) {
	d := newDesk(t)
	d.expect("before", d.ask("GET", "/", ann), 200, "for ann")
	d.write("ann", "another password")
	if err := d.rules.Passwords.Load(); err != nil {
		t.Fatal(err)
	}
	d.expect("after", d.ask("GET", "/", ann), 401, "")
}

// H22: a verified client certificate replaces a password. An unverified certificate, or
// a certificate that is not asked for, does not.
func TestH22_Certificates(t *testing.T) {
	d := newDesk(t)
	d.rules.Passwords = nil
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "bob"}}
	shown := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	}
	d.expect("not asked for", d.ask("GET", "/", shown), 403, "set status.passwords")
	d.rules.Certificates = true
	d.expect("verified", d.ask("GET", "/", shown), 200, "for bob")
	d.expect("none", d.ask("GET", "/", nil), 403, "client certificate")
	d.expect("not verified", d.ask("GET", "/", func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	}), 403, "client certificate")
}

// Public answers need no password, and give no reasons unless they may.
func TestPublicAnswers(t *testing.T) {
	d := newDesk(t)
	d.expect("readyz is not public", d.ask("GET", "/readyz", nil), 401, "required")
	d.rules.Public = []string{"/readyz"}
	if w := d.ask("GET", "/readyz", nil); w.Code != 503 || w.Body.String() != "no\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	d.expect("with a password", d.ask("GET", "/readyz", ann), 503, "10.0.0.1 is down")
	d.rules.Reasons = true
	d.expect("on loopback", d.ask("GET", "/readyz", nil), 503, "10.0.0.1 is down")
	d.expect("others", d.ask("GET", "/readyz/x", nil), 401, "")
	d.rules.Passwords = nil
	d.expect("nothing else", d.ask("GET", "/", nil), 403, "only /readyz are served here")
}

// H23: an action needs a password, the token of the page, and a request that no
// other site has caused.
func TestH23_ForgedActions(t *testing.T) {
	d := newDesk(t)
	with := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			ann(r)
			r.Header.Set(TokenHeader, d.Token())
			for pair := range slices.Chunk(headers, 2) {
				r.Header.Set(pair[0], pair[1])
			}
		}
	}
	d.expect("of the page", d.ask("POST", "/", with("Sec-Fetch-Site", "same-origin", "Origin", "http://example.com")), 200, "done by ann")
	for name, change := range map[string]func(*http.Request){
		"of another site":          with("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
		"of a sister site":         with("Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"),
		"of an old browser":        with("Origin", "https://evil.example"),
		"of a sandboxed frame":     with("Sec-Fetch-Site", "cross-site", "Origin", "null"),
		"without a token":          ann,
		"with another token":       with(TokenHeader, strings.Repeat("A", len(d.Token()))),
		"of a form without header": func(r *http.Request) { ann(r); r.Header.Set("Sec-Fetch-Site", "same-origin") },
	} {
		d.expect(name, d.ask("POST", "/", change), 403, "")
	}
	d.rules = Rules{Open: true}
	d.expect("without a password", d.ask("POST", "/", func(r *http.Request) { r.Header.Set(TokenHeader, d.Token()) }), 403, "actions need a password")
	d.expect("reading", d.ask("GET", "/", nil), 200, "for ")
}

// The memory of right passwords is bounded.
func TestVerifiedIsBounded(t *testing.T) {
	v := newVerified()
	for i := range 3 * maxVerified {
		v.add(1, strings.Repeat("a", i), password)
	}
	if len(v.until) > maxVerified {
		t.Errorf("%d are kept", len(v.until))
	}
	if v.has(2, strings.Repeat("a", 3*maxVerified-1), password) || !v.has(1, strings.Repeat("a", 3*maxVerified-1), password) {
		t.Error("a password of an earlier load of the file is accepted")
	}
}
