package page

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/web"
)

var usual = web.Limits{Connections: 128, PerClient: 16}

// serve serves the page on an address of its own.
func serve(t *testing.T, log *slog.Logger) *web.Server {
	t.Helper()
	socket := loopback.Listen(t)
	s := NewServer(socket, New(Options{}).Handler(), nil, usual, log)
	s.Serve()
	return s
}

func TestServeAndClose(t *testing.T) {
	s := serve(t, slog.New(slog.DiscardHandler))
	url := "http://" + s.Addr().String()
	expect(t, "healthz", fetch(t, url+"/healthz", ""), "200 ok\n")
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if r, err := http.Get(url + "/healthz"); err == nil {
		_ = r.Body.Close()
		t.Error("the server responds after Close")
	}
}

// A client that holds many connections open does not keep other clients from
// the page.
func TestH7_StatusPage(t *testing.T) {
	log := &wait.Log{}
	s := serve(t, slog.New(slog.NewTextHandler(log, nil)))
	defer func() { _ = s.Close() }()
	loopback.Hold(t, s.Addr().String(), "127.0.0.2", usual.Connections-10, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	expect(t, "healthz", fetch(t, "http://"+s.Addr().String()+"/healthz", ""), "200 ok\n")
	if !strings.Contains(log.String(), "connections were closed to make room\" count=1 last=127.0.0.2") {
		t.Errorf("the log says %q", log)
	}
}

// Another site can make its own name resolve to loopback, and then read
// responses from there as its own.
func TestNamesOfOthersAreRefusedOnLoopback(t *testing.T) {
	s := serve(t, slog.New(slog.DiscardHandler))
	defer func() { _ = s.Close() }()
	for host, code := range map[string]string{
		"": "200", "localhost": "200", "localhost:18080": "200", "127.0.0.1:1": "200", "[::1]": "200", "[::1]:18080": "200",
		"evil.example": "421", "evil.example:18080": "421", "localhost.evil.example": "421",
	} {
		if got := fetch(t, "http://"+s.Addr().String()+"/", host); !strings.HasPrefix(got, code) {
			t.Errorf("host %q: %.60q, want %s", host, got, code)
		}
	}
}

func fetch(t *testing.T, url, host string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status[:4] + string(body)
}

func TestOnlyReading(t *testing.T) {
	h := New(Options{}).Handler()
	for _, c := range []struct {
		method, path string
		code         int
		kind         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/status.json", 200, "application/json"},
		{"HEAD", "/status.json", 200, "application/json"},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8"},
		{"GET", "/readyz", 200, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"PUT", "/status.json", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/metrics", 405, "text/plain; charset=utf-8"},
		{"OPTIONS", "/healthz", 405, "text/plain; charset=utf-8"},
		{"GET", "/debug/pprof/", 404, "text/plain; charset=utf-8"},
		{"GET", "/index.html", 404, "text/plain; charset=utf-8"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.code || w.Header().Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, w.Code, w.Header().Get("Content-Type"), c.code, c.kind)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %s: %s is %q", c.method, c.path, name, got)
			}
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") {
			t.Errorf("%s %s: the policy is %q", c.method, c.path, policy)
		}
	}
}
