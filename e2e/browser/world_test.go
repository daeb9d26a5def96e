package browser

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/observe/timeline"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// hostile are names that clients give themselves.
var hostile = []string{
	`<script>document.title="hacked"</script>`, `<img src=x onerror='document.title="hacked"'>`, `" autofocus onfocus="document.title='hacked'"`,
	"\u202egnp.exe", "\x1b[2J\x00\r\nInjected: line", "{{.Token}}", `'); document.title="hacked"; //`, strings.Repeat("long", 40), "مرحبا", "alice@example.com",
}

const password = "correct horse battery staple"

// office is a status page with hostile names, and the actions that it sends.
type office struct {
	*testing.T
	url    string
	status *page.Status

	mu   sync.Mutex
	open map[string]*observe.Open
	sent []string // the actions
}

func newOffice(t *testing.T) *office {
	o := &office{T: t, open: map[string]*observe.Open{}}
	file := filepath.Join(t.TempDir(), "passwords")
	line, err := devices.Line("ann", password)
	if err == nil {
		err = os.WriteFile(file, []byte(line), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	passwords := devices.NewPasswords(file)
	if err := passwords.Load(); err != nil {
		t.Fatal(err)
	}
	history := timeline.New()
	guard := access.New(access.Options{
		Rules: func() access.Rules { return access.Rules{Passwords: passwords} }, Logins: func() access.Logins { return noLimits{} }, Log: slog.New(slog.DiscardHandler),
	})
	o.status = page.New(page.Options{
		Hostname: func() string { return "mail.example.com" }, Open: o.each, Timeline: history, Guard: guard, Actions: http.HandlerFunc(o.act),
		Failures: failures, Listeners: func() []page.Listener {
			return []page.Listener{{Service: "imaps", Address: ":993", Policy: "strict", Backends: []page.Backend{{Address: "10.0.0.5:143", Up: true, Sessions: len(hostile)}}}}
		},
	})
	o.fill(history)
	server := httptest.NewServer(o.status.Handler())
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

type noLimits struct{}

func (noLimits) Admit(netip.Addr, string, time.Time) (time.Duration, error) { return 0, nil }
func (noLimits) Failed(netip.Addr, string, time.Time)                       {}
func (noLimits) Succeeded(netip.Addr, string, time.Time)                    {}

// fill opens a session for each hostile name.
func (o *office) fill(history *timeline.Timeline) {
	for i, name := range hostile {
		s := observe.Session{
			ID: "session" + string(rune('a'+i)), Listener: &observe.Listener{Service: "imaps"}, User: name, Policy: "strict",
			Client: netip.MustParseAddrPort("192.0.2.7:40000"), Opened: time.Now().Add(-time.Duration(i) * time.Minute),
		}
		o.open[s.ID] = &observe.Open{Session: s}
		o.status.Opened(&s)
		history.Opened(&s)
		s.TLS = &tls.ConnectionState{Version: []uint16{tls.VersionTLS13, tls.VersionTLS12}[i%2], CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768}
		history.TLSEstablished(&s)
		o.status.TLSEstablished(&s)
		history.Denied(&s, name, "PLAIN", nil)
	}
}

func failures() (all []admin.Failure) {
	for _, name := range hostile {
		all = append(all, admin.Failure{User: name, Client: "192.0.2.7", Failures: 5, Limit: 30, State: admin.Delayed})
	}
	return all
}

func (o *office) each(f func(*observe.Open)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.open {
		f(s)
	}
}

// act notes an action. A session that is ended is no longer listed.
func (o *office) act(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, r.URL.RequestURI())
	delete(o.open, r.URL.Query().Get("id"))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"sessions": 1}`))
}

func (o *office) actions() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{}, o.sent...)
}

// chromium starts the browser, and returns a context for a tab.
func chromium(t *testing.T) context.Context {
	t.Helper()
	out, err := exec.Command("../root", "--path", "bookworm", "browser").Output()
	if err != nil {
		t.Fatalf("run e2e/install --browser first: %v", err)
	}
	number, folder := strconv.Itoa(loopback.FreePort(t)), t.TempDir()
	port := "127.0.0.1:" + number
	process := exec.Command("../as-root", "unshare", "--mount", "--propagation", "unchanged", "--pid", "--fork", "--kill-child", "../enter", strings.TrimSpace(string(out)), folder,
		"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--remote-debugging-port="+number, "--user-data-dir="+folder+"/profile", "about:blank")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	t.Cleanup(cancel)
	for {
		if res, err := http.Get("http://" + port + "/json/version"); err == nil {
			_ = res.Body.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the browser does not start")
		}
		time.Sleep(100 * time.Millisecond)
	}
	remote, cancelRemote := chromedp.NewRemoteAllocator(ctx, "http://"+port)
	t.Cleanup(cancelRemote)
	tab, cancelTab := chromedp.NewContext(remote)
	t.Cleanup(cancelTab)
	return tab
}
