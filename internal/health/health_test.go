package health

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// serve serves a handler on a socket, and returns the address.
func serve(t *testing.T, network, address string, h http.Handler) string {
	t.Helper()
	socket, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(socket) }()
	t.Cleanup(func() { _ = s.Close() })
	if network == "unix" {
		return "unix:" + socket.Addr().String()
	}
	return socket.Addr().String()
}

func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		why         []string
		live, ready string // the error, empty: none
	}{
		"ready":     {nil, "", ""},
		"not ready": {[]string{"imap on :143: no backend\nis up", "the certificate of smtp on :25 has expired"}, "", "not ready: imap on :143: no backend is up; the certificate of smtp on :25 has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			Checks{Live: func() {}, Ready: func() []string { return c.why }}.Register(mux)
			for _, address := range []string{
				serve(t, "tcp", loopback.Host()+":0", mux),
				serve(t, "unix", filepath.Join(t.TempDir(), "s"), mux),
			} {
				wantError(t, Ask(t.Context(), address, true), c.live)
				wantError(t, Ask(t.Context(), address, false), c.ready)
			}
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if got := errorText(err); got != want && (want == "" || !strings.Contains(got, want)) {
		t.Errorf("%q, want %q", got, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// An answer of another program is not taken for health.
func TestAskAnother(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"ok":          func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>ok</html>")) },
		"not found":   http.NotFound,
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, Ask(t.Context(), serve(t, "tcp", loopback.Host()+":0", h), false), "not the status page")
		})
	}
}

func TestAskNobody(t *testing.T) {
	missing := "unix:" + filepath.Join(t.TempDir(), "missing")
	wantError(t, Ask(t.Context(), missing, true), missing+": no answer: ")
	hung := serve(t, "tcp", loopback.Host()+":0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, Ask(ctx, hung, true), hung+": no answer: ")
}

// The first address that answers decides, even if it is not ready.
func TestAskFirst(t *testing.T) {
	missing := "unix:" + filepath.Join(t.TempDir(), "missing")
	mux, ready := http.NewServeMux(), http.NewServeMux()
	Checks{Ready: func() []string { return []string{"a reason"} }}.Register(mux)
	Checks{}.Register(ready)
	wantError(t, AskFirst(t.Context(), []string{missing, serve(t, "tcp", loopback.Host()+":0", mux), serve(t, "tcp", loopback.Host()+":0", ready)}, false), "not ready: a reason")
	wantError(t, AskFirst(t.Context(), []string{missing, missing}, false), missing+": no answer: ")
	wantError(t, AskFirst(t.Context(), nil, false), "no answer")
}
