package app

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/letterlock/letterlock/internal/lookup"
)

// endpoint answers lookups: for each user with headers, name: value, separated by |. It
// keeps the requests. A user without an answer gets status 500.
type endpoint struct {
	*httptest.Server
	answers map[string]string

	mu       sync.Mutex
	requests []http.Header
}

func newEndpoint(t *testing.T, answers map[string]string) *endpoint {
	e := &endpoint{answers: answers}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, r.Header)
	answer, known := e.answers[r.Header.Get("Auth-User")]
	if !known {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for _, header := range strings.Split(answer, "|") {
		name, value, _ := strings.Cut(header, ": ")
		w.Header().Set(name, value)
	}
}

// received returns the headers of all requests.
func (e *endpoint) received() []http.Header {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// to returns the answer that a user's mail is at an address.
func to(a net.Addr) string {
	host, port, _ := net.SplitHostPort(a.String())
	return "Auth-Status: OK|Auth-Server: " + host + "|Auth-Port: " + port
}

// imapLine sends a command on a new connection and returns the first line of the reply.
func (w *world) imapLine(command string) string {
	w.Helper()
	conn, err := w.dial(0, nil)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		w.Fatal(err)
	}
	_, _ = io.WriteString(conn, command+"\r\n")
	line, err := r.ReadString('\n')
	if err != nil {
		w.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// The whole proxy between a client, a lookup and two servers.
func TestLookup(t *testing.T) {
	old := newMailServer(t, map[string]string{"alice": "one"})
	far := newMailServer(t, map[string]string{"carol": "two", "alice": "three"})
	e := newEndpoint(t, map[string]string{
		"alice":  to(old.Addr()),
		"carol":  to(far.Addr()),
		"named":  "Auth-Status: OK|Auth-Server: cyrus|Auth-User: carol|Auth-Pass: two",
		"ghost":  "Auth-Status: [ALERT] Invalid login or password",
		"public": "Auth-Status: OK|Auth-Server: 203.0.113.9|Auth-Port: 143",
		"host":   "Auth-Status: OK|Auth-Server: mail.lan|Auth-Port: 143",
	})
	key := func(w *world) { _ = os.WriteFile(filepath.Join(w.folder, "key"), []byte("shared-secret\n"), 0o600) }
	w := newWorld(t, fmt.Sprintf(`
probe: false
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
backends: [{name: cyrus, addresses: ["%s"]}]
lookups: [{name: users, url: "%s/mail", networks: [127.0.0.0/8], headers: [{name: X-Auth-Key, value_file: key}]}]
listeners: [{service: imaps, listen: "{host}:0", backend: "%s", lookup: users}]
`, far.Addr(), e.URL, old.Addr()), key)
	in := func(s *mailServer) string { return fmt.Sprintf("a OK [CAPABILITY IMAP4rev1] in at %s", s.Addr()) }
	temporary := "a NO [UNAVAILABLE] Temporary authentication failure"
	for _, c := range []struct{ command, answer string }{
		{"a LOGIN alice one", in(old)},
		{"a LOGIN carol two", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN"},
		{"a LOGIN carol wrong", "a NO wrong"},
		{"a LOGIN named guessed", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN"},
		{"a LOGIN ghost secret", "a NO [AUTHENTICATIONFAILED] Invalid login or password"},
		{"a LOGIN public secret", temporary},
		{"a LOGIN host secret", temporary},
		{"a LOGIN nobody secret", temporary},
	} {
		got := w.imapLine(c.command)
		if strings.HasPrefix(c.answer, "* CAPABILITY") && strings.HasPrefix(got, "a OK [CAPABILITY") { // the reply lists the capabilities itself
			got = c.answer
		}
		if got != c.answer {
			t.Errorf("%s\n got %q\nwant %q", c.command, got, c.answer)
		}
	}
	if received := strings.Join(old.commands(), "\n"); strings.Contains(received, "carol") || strings.Contains(received, "secret") {
		t.Errorf("the first backend received a login that is not for it:\n%s", received)
	}
	for _, h := range e.received() {
		if h.Get("Auth-Protocol") != "imap" || h.Get("Auth-Pass") != "" || h.Get("X-Auth-Key") != "shared-secret" || h.Get("Client-Ip") != "127.0.0.1" || h.Get("Auth-Ssl") != "on" {
			t.Errorf("a request has the header %v", h)
		}
	}
	log := w.log.String()
	for _, words := range []string{"the lookup of backends fails", "is not in the networks", "neither an IP address nor the name of a backend", "status 500", "remedy=", "user=ghost mechanism=LOGIN"} {
		if !strings.Contains(log, words) {
			t.Errorf("no %q in the log\n%s", words, log)
		}
	}
	for _, secret := range []string{"secret", "guessed", "shared-secret"} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log\n%s", secret, log)
		}
	}
	recorded := httptest.NewRecorder()
	w.pages.ServeHTTP(recorded, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for result, n := range map[string]int{"found": 3, "refused": 1, "failed": 3, "cached": 1} {
		if line := fmt.Sprintf(`letterlock_lookups_total{lookup="users",result="%s"} %d`, result, n); !strings.Contains(recorded.Body.String(), line+"\n") {
			t.Errorf("no %s in\n%s", line, recorded.Body)
		}
	}
}

// A lookup with TLS verifies the server by its CA. The counts outlive a reload.
func TestLookupWithTLS(t *testing.T) {
	old := newMailServer(t, map[string]string{"alice": "one"})
	w := newWorld(t, imaps)
	e := &endpoint{answers: map[string]string{"alice": to(old.Addr())}}
	e.Server = httptest.NewTLSServer(e)
	t.Cleanup(e.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(w.folder, "lookup-ca.pem"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	configure := func(ca string) {
		w.configure(fmt.Sprintf(`
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
lookups: [{name: users, url: "%s/mail", ca: %s, send_password: true}]
listeners: [{service: imaps, listen: "{host}:0", backend: "%s", lookup: users}]
`, e.URL, ca, old.Addr()))
		w.Reload()
	}
	configure("lookup-ca.pem")
	if got := w.imapLine("a LOGIN alice one"); !strings.HasPrefix(got, "a OK") {
		t.Errorf("%s\n%s", got, w.log)
	}
	if all := e.received(); len(all) != 1 || all[0].Get("Auth-Pass") != "one" {
		t.Errorf("%v", all)
	}
	configure("ca.pem")
	if got := w.imapLine("a LOGIN alice one"); !strings.HasPrefix(got, "a NO [UNAVAILABLE]") {
		t.Errorf("a server with another authority is asked: %s", got)
	}
	if shown := w.now.Load().maintenance.lookups.shown(); len(shown) != 1 || shown[0].Found != 1 || shown[0].Failed != 1 {
		t.Errorf("%+v", shown)
	}
}

// A lookup that names ever more servers fills no memory.
func TestH20_LookedUpServersAreBounded(t *testing.T) {
	w := newWorld(t, `
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
lookups: [{name: users, url: "http://127.0.0.1:1/"}]
listeners: [{service: imaps, listen: "{host}:0", backend: "{imap}", lookup: users}]
`)
	r := w.now.Load().Listeners[0].Routes.(*lookupRoutes)
	at := netip.MustParseAddr("10.0.0.1")
	for range 2 * maxLookedUp {
		if _, err := r.poolOf(lookup.Answer{Address: netip.AddrPortFrom(at, 143)}); err != nil {
			t.Fatal(err)
		}
		at = at.Next()
	}
	if len(r.pools) != maxLookedUp || len(r.Pools()) != maxLookedUp {
		t.Errorf("%d servers, %d listed", len(r.pools), len(r.Pools()))
	}
	for address, p := range r.pools {
		r.pools[address] = lookedUp{p.Pool, p.used.Add(-2 * lookedUpTime)}
	}
	if len(r.Pools()) != 0 {
		t.Error("servers that were not used lately are listed")
	}
	if _, err := r.poolOf(lookup.Answer{Address: netip.AddrPortFrom(at, 143)}); err != nil || len(r.pools) != 1 {
		t.Errorf("%v, %d servers", err, len(r.pools))
	}
}
