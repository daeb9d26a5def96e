package app

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const pagePassword = "correct horse battery staple"

// guardedPage is a configuration with a status page that asks for a password.
const guardedPage = imaps + "probe: false\nstatus: {listen: \"{host}:0\", passwords: passwords}\n"

// administrators adds the file of passwords.
func administrators(w *world) {
	var lines string
	for _, name := range []string{"ann", "bob"} {
		line, err := devices.Line(name, pagePassword)
		if err != nil {
			w.Fatal(err)
		}
		lines += line + "\n"
	}
	if err := os.WriteFile(filepath.Join(w.folder, "passwords"), []byte(lines), 0o600); err != nil {
		w.Fatal(err)
	}
}

// browser sends requests to the status page.
type browser struct {
	*world
	scheme string
	client http.Client
}

func (w *world) browser(config *tls.Config) *browser {
	b := &browser{world: w, scheme: "http", client: http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}}
	if config != nil {
		b.scheme = "https"
	}
	return b
}

// ask sends a request of an administrator, or of nobody if the name is empty.
func (b *browser) ask(method, path, name, password string, headers ...string) (status int, body string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.scheme+"://"+b.page.Addr().String()+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (b *browser) expect(method, path, name, password string, status int, words string) {
	b.Helper()
	if got, body := b.ask(method, path, name, password); got != status || !strings.Contains(body, words) {
		b.Errorf("%s %s of %q: %d %.200q, want %d %q", method, path, name, got, body, status, words)
	}
}

// token returns the token of the page.
func (b *browser) token() string {
	b.Helper()
	_, body := b.ask("GET", "/", "ann", pagePassword)
	found := regexp.MustCompile(`<meta name="token" content="(\w+)">`).FindStringSubmatch(body)
	if found == nil {
		b.Fatalf("the page has no token: %s", body)
	}
	return found[1]
}

// act sends an action of an administrator.
func (b *browser) act(path, name, token string) (reply map[string]any) {
	b.Helper()
	status, body := b.ask("POST", path, name, pagePassword, access.TokenHeader, token, "Sec-Fetch-Site", "same-origin")
	if err := json.Unmarshal([]byte(body), &reply); err != nil || status != 200 {
		b.Errorf("%s: %d %s", path, status, body)
	}
	return reply
}

// H22: guesses at the page's password count like those at a mailbox. An administrator
// can list and forget them.
func TestH22_GuessesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guardedPage+"limits: {login_failures_per_client: 3}\ntimeouts: {login_delay: 0s}\n", administrators)
	b := w.browser(nil)
	b.expect("GET", "/", "", "", 401, "required")
	b.expect("GET", "/status.json", "", "", 401, "required")
	b.expect("GET", "/events", "", "", 401, "required")
	b.expect("GET", "/whatif", "", "", 401, "required")
	b.expect("GET", "/healthz", "", "", 200, "ok")
	b.expect("GET", "/metrics", "", "", 200, "letterlock_") // on loopback
	for range 3 {
		b.expect("GET", "/", "ann", "wrong", 401, "required")
	}
	b.expect("GET", "/", "ann", pagePassword, 429, "too many failed logins from this address")
	all := administered{w.Proxy}.Failures()
	if len(all) != 2 || all[0].Failures != 3 || all[1].User+all[0].User != "status page: ann" {
		t.Errorf("%+v", all)
	}
	if n := (administered{w.Proxy}).Forget(netip.MustParseAddr("127.0.0.1"), ""); n == 0 {
		t.Error("the failures are not forgotten")
	}
	b.expect("GET", "/", "ann", pagePassword, 200, "<title>Letterlock")
}

// Two administrators end the same session: it ends once, and both get an answer. A
// backend that is drained twice is drained.
func TestActionsOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guardedPage, administrators)
	b := w.browser(nil)
	token := b.token()
	client, err := w.dial(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, "a LOGIN demo demo\r\n"); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the login is not shown", func() bool { return w.status().Sessions.Logins == 1 })
	_, shown := b.ask("GET", "/?q=DEMO", "ann", pagePassword)
	kick := regexp.MustCompile(`data-post="(/v1/kick\?id=\w+)"`).FindStringSubmatch(shown)
	if kick == nil {
		t.Fatalf("no button ends the session: %s", shown)
	}
	if status, body := b.ask("POST", kick[1], "ann", pagePassword); status != 403 {
		t.Errorf("without a token: %d %s", status, body)
	}
	var ended [2]float64
	var both sync.WaitGroup
	for i, name := range []string{"ann", "bob"} {
		both.Go(func() { ended[i], _ = b.act(kick[1], name, token)["sessions"].(float64) })
	}
	both.Wait()
	if ended[0]+ended[1] == 0 { // both, if the session has not ended in between
		t.Error("no session was ended")
	}
	if text, _ := io.ReadAll(client); strings.Count(string(text), "* BYE") != 1 {
		t.Errorf("the client receives %q", text)
	}

	backend := url.QueryEscape(w.backends.IMAP())
	for range 2 {
		b.act("/v1/backends/drain?address="+backend, "ann", token)
		b.expect("GET", "/readyz", "ann", pagePassword, 503, "is drained")
	}
	b.act("/v1/backends/resume?address="+backend, "bob", token)
	b.expect("GET", "/readyz", "", "", 200, "ok")
	for _, want := range []string{"administrator=ann", "administrator=bob", "the administrator drains a backend"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if status, _ := b.ask("POST", "/v1/log-level?level=debug", "ann", pagePassword, access.TokenHeader, token); status != 404 {
		t.Errorf("the page can do more than its buttons: %d", status)
	}
}

// A page without a password has no buttons, and refuses actions.
func TestPageWithoutAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps+"probe: false\nstatus: {listen: \"{host}:0\"}\n")
	b := w.browser(nil)
	b.expect("POST", "/v1/kick?service=imaps", "", "", 403, "set status.passwords")
	if _, body := b.ask("GET", "/", "", ""); strings.Contains(body, "data-post") || strings.Contains(body, `name="token"`) {
		t.Error("the page has buttons or a token")
	}
}

// With client_ca the page speaks TLS with the certificates of the listeners. A client
// needs a certificate of the authority, or a password. A reload changes this on the
// same socket.
func TestPageWithCertificates(t *testing.T) {
	t.Parallel()
	const text = imaps + "probe: false\nstatus: {listen: \"{host}:0\", client_ca: ca.pem"
	w := newWorld(t, text+"}\n", administrators)
	address := w.page.Addr().String()
	trusting := &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"}
	anonymous := w.browser(trusting)
	anonymous.expect("GET", "/", "", "", 403, "client certificate")
	anonymous.expect("GET", "/healthz", "", "", 200, "ok")
	anonymous.expect("GET", "/", "ann", pagePassword, 403, "client certificate")
	known := trusting.Clone()
	known.Certificates = []tls.Certificate{w.ca.Client(t, "carol")}
	w.browser(known).expect("GET", "/", "", "", 200, `name="token"`)

	w.configure(text + ", passwords: passwords}\n")
	w.Reload()
	anonymous.expect("GET", "/", "ann", pagePassword, 200, `name="token"`)
	w.browser(known).expect("GET", "/", "", "", 200, `name="token"`)

	w.configure(guardedPage)
	w.Reload()
	if w.page.Addr().String() != address {
		t.Errorf("the page has moved to %s", w.page.Addr())
	}
	w.browser(nil).expect("GET", "/", "ann", pagePassword, 200, `name="token"`)
}

// The stream of changes begins with all parts of the page, and ends at once when the
// proxy shuts down.
func TestEventsEndWithTheProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guardedPage, administrators)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.page.Addr().String()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", pagePassword)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewReader(res.Body)
	line, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `data: {"`) || !strings.Contains(line, `"ended":"`) {
		t.Errorf("%.100q, %v", line, err)
	}
	w.Shutdown(t.Context())
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
}
