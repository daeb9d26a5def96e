package app

import (
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// ready returns the answer about readiness.
func (w *world) ready() string {
	r := httptest.NewRecorder()
	w.pages.ServeHTTP(r, httptest.NewRequest("GET", health.ReadyPath, nil))
	return r.Result().Status[:4] + strings.TrimSpace(r.Body.String())
}

// A proxy whose only backend is down gets no clients from a balancer, and must
// find out by itself when the backend is up again.
func TestReadyAgain(t *testing.T) {
	t.Parallel()
	closed := loopback.Listen(t)
	address := closed.Addr().String()
	_ = closed.Close()
	w := newWorld(t, strings.Replace(imaps, "{imap}", address, 1))
	wait.Until(t, "the backend is not known to be down", func() bool {
		return strings.HasPrefix(w.ready(), "503 imaps on "+loopback.Host()+":0: no backend is up: ")
	})
	backend, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	go func() {
		for {
			conn, err := backend.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("* OK ready\r\n"))
			lines := make([]byte, 100)
			_, _ = conn.Read(lines)
			_, _ = conn.Write([]byte("* BYE\r\na OK\r\n"))
			_ = conn.Close()
		}
	}()
	wait.Until(t, "the backend that is up again is not found", func() bool { return w.ready() == "200 ok" })
}

// A listener needs one certificate that is valid.
func TestReadyWithACertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
certificates: [{cert: cert.pem, key: key.pem}]
probe: false
listeners: [{service: imaps, listen: "{host}:0", backend: "{imap}"}]
`)
	g := w.now.Load()
	if problem := g.noCertificate(g.services[0], time.Now()); problem != "" || w.ready() != "200 ok" {
		t.Errorf("%s; %s", problem, w.ready())
	}
	for _, now := range []time.Time{w.served().NotAfter, w.served().NotBefore.Add(-time.Second)} {
		if problem := g.noCertificate(g.services[0], now); !strings.HasPrefix(problem, "no certificate is valid now; the first is valid from ") {
			t.Errorf("at %s: %q", now, problem)
		}
	}
}

// A smarthost needs neither a backend nor a certificate.
func TestReadySmarthost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
probe: false
listeners: [{service: smarthost, listen: "{host}:0"}]
`)
	if got := w.ready(); got != "200 ok" {
		t.Error(got)
	}
}
