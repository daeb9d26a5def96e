package app

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The limits of the configuration hold for the status page, and those of a
// reload too.
func TestH7_LimitsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	const text = `
certificates: [{cert: cert.pem, key: key.pem}]
status: {listen: "{host}:0"}
listeners: [{service: imaps, listen: "{host}:0", backend: "{imap}"}]
limits: {web_connections_per_client: `
	w := newWorld(t, text+"5}\n")
	holds := func(share int) {
		t.Helper()
		crowd := loopback.Hold(t, w.page.Addr().String(), "127.0.0.2", 40, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		wait.Until(t, "the share of a client is wrong", func() bool { return crowd.Open() == share })
	}
	holds(5)
	page := w.page
	w.configure(text + "3}\n")
	w.Reload()
	if w.page != page {
		t.Error("the page was replaced")
	}
	holds(3)
}

// shownStatus is a part of /status.json.
type shownStatus struct {
	Sessions struct {
		Opened            int `json:"opened"`
		Handshakes        int `json:"tls_handshakes"`
		HandshakeFailures int `json:"tls_handshake_failures"`
		Logins            int `json:"logins"`
	} `json:"sessions"`
	Services []struct {
		Received int `json:"received_bytes"`
		Sent     int `json:"sent_bytes"`
	} `json:"services"`
	Outcomes          []counted `json:"outcomes"`
	HandshakeFailures []counted `json:"handshake_failures"`
	Listeners         []struct {
		Backends []struct {
			Sessions int    `json:"sessions"`
			Up       bool   `json:"up"`
			Error    string `json:"error"`
		} `json:"backends"`
	} `json:"listeners"`
	Open []struct {
		User   string `json:"user"`
		TLS    string `json:"tls"`
		Suite  string `json:"suite"`
		Client string `json:"client"`
	} `json:"open"`
	Recent []struct {
		Outcome string `json:"outcome"`
	} `json:"recent"`
}

// counted is a row of a list: a name and its count.
type counted struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// status reads the status page like a script.
func (w *world) status() (s shownStatus) {
	w.Helper()
	r := httptest.NewRecorder()
	w.counts.ServeJSON(r, httptest.NewRequest("GET", "/status.json", nil))
	if err := json.Unmarshal(r.Body.Bytes(), &s); err != nil {
		w.Fatal(err)
	}
	return s
}

// The page shows a session while it is open and after it has ended, and a
// handshake that has failed.
func TestSessionsOnThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps+"probe: false\n")
	if conn, err := tls.Dial("tcp", w.Addresses()[0].String(), &tls.Config{ServerName: "mail.example.com"}); err == nil {
		_ = conn.Close()
		t.Fatal("the handshake of a client that does not trust the certificate succeeded")
	}
	wait.Until(t, "the failed session does not end", func() bool { return len(w.status().Recent) == 1 })
	client, err := w.dial(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, "a LOGIN demo demo\r\n"); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the login is not shown", func() bool { return w.status().Sessions.Logins == 1 })
	s := w.status()
	if len(s.Open) != 1 || s.Open[0].User != "demo" || s.Open[0].TLS != "TLSv1.3" || !strings.HasPrefix(s.Open[0].Suite, "TLS_AES_") || s.Open[0].Client != client.LocalAddr().String() {
		t.Errorf("open: %+v", s.Open)
	}
	if b := s.Listeners[0].Backends; len(b) != 1 || b[0].Sessions != 1 || !b[0].Up {
		t.Errorf("backends: %+v", b)
	}

	if _, err := io.WriteString(client, "b LOGOUT\r\n"); err != nil {
		t.Fatal(err)
	}
	received, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the session does not end", func() bool { return len(w.status().Recent) == 2 })
	s = w.status()
	if s.Sessions.Opened != 2 || s.Sessions.Handshakes != 1 || s.Sessions.HandshakeFailures != 1 {
		t.Errorf("sessions: %+v", s.Sessions)
	}
	if f := s.HandshakeFailures; len(f) != 1 || f[0] != (counted{"certificate", 1}) {
		t.Errorf("failures: %+v", f)
	}
	if got := s.Services[0]; got.Received != len("a LOGIN demo demo\r\nb LOGOUT\r\n") || got.Sent != len(received) {
		t.Errorf("bytes: %+v, and the client has received %d", got, len(received))
	}
}

// The page shows a backend that cannot be reached.
func TestBackendThatIsDownOnThePage(t *testing.T) {
	t.Parallel()
	closed := loopback.Listen(t)
	_ = closed.Close()
	w := newWorld(t, strings.Replace(imaps, "{imap}", closed.Addr().String(), 1)+"probe: false\n")
	client, err := w.dial(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, client) // until the proxy ends the session
	wait.Until(t, "the session does not end", func() bool { return len(w.status().Recent) == 1 })
	s := w.status()
	if b := s.Listeners[0].Backends; len(b) != 1 || b[0].Up || b[0].Error == "" {
		t.Errorf("backends: %+v", b)
	}
	if o := s.Outcomes; len(o) != 1 || o[0] != (counted{"backend-down", 1}) {
		t.Errorf("outcomes: %+v", o)
	}
}
