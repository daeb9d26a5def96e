package app

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/oauth"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// provider is a relay that takes one secret, by PLAIN or by XOAUTH2.
type provider struct {
	sink
	secret *atomic.Value
	token  bool
	in     *bool
}

func (p provider) Mail(string, *gosmtp.MailOptions) error {
	if !*p.in {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	}
	return nil
}

func (p provider) AuthMechanisms() []string {
	if p.token {
		return []string{"XOAUTH2"}
	}
	return []string{sasl.Plain}
}

func (p provider) Auth(string) (sasl.Server, error) { return p, nil }

// Next judges the initial response, which ends with the secret.
func (p provider) Next(response []byte) (challenge []byte, done bool, err error) {
	got := strings.TrimSuffix(string(response), "\x01\x01")
	if *p.in = strings.HasSuffix(got, p.secret.Load().(string)) && strings.Contains(got, "scanner@example.com"); *p.in {
		return nil, true, nil
	}
	return nil, true, &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "bad credentials"}
}

// newProvider starts a provider, whose certificate is set later.
func newProvider(t *testing.T, token bool) (address string, secret *atomic.Value, serve func(tls.Certificate)) {
	t.Helper()
	l := loopback.Listen(t)
	secret = &atomic.Value{}
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		return provider{secret: secret, token: token, in: new(bool)}, nil
	}))
	s.Domain, s.ErrorLog, s.ReadTimeout = "mx.example.net", log.New(io.Discard, "", 0), 20*time.Second
	return l.Addr().String(), secret, func(cert tls.Certificate) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		ended := make(chan struct{})
		go func() { _ = s.Serve(l); close(ended) }()
		t.Cleanup(func() { _ = s.Close(); <-ended })
	}
}

const relayConfiguration = `
smarthost:
  resolvers: [127.0.0.1]
  ca: ca.pem
  keep_connections: 0s # each message logs in
  token_key_file: token-key
  destinations:
    - domains: ["*"]
      next_hop: "[{host}]%s"
      match: [mx.example.net]
      server_name: mx.example.net
      login: %s
listeners: [{service: smarthost, listen: "{host}:0"}]
`

// A login uses the password in the file. A new password is used at once, although
// the account pauses after the refusal of the old one.
func TestRelayLoginWithPassword(t *testing.T) {
	t.Parallel()
	address, secret, serve := newProvider(t, false)
	secret.Store("first password")
	w := newWorld(t, fmt.Sprintf(relayConfiguration, strings.TrimPrefix(address, loopback.Host()), "{user: scanner@example.com, password_file: relay-password}"),
		withFiles(map[string]string{"relay-password": "first password\n", "token-key": strings.Repeat("k", 48)}))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	if err := w.submit("bob@example.org"); err != nil {
		t.Fatal(err)
	}
	secret.Store("second password")
	for _, want := range []string{"refused the login of scanner@example.com", "the relay has refused the login; the next try"} {
		if err := w.submit("bob@example.org"); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v, want %q", err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(w.folder, "relay-password"), []byte("second password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !wait.Happens(func() bool { return w.submit("bob@example.org") == nil }) {
		t.Errorf("the new password is not used:\n%s", w.log)
	}
	w.showsNo(t, "first password", "second password")
}

// A user's consent, stored with the command oauth login, becomes an access token.
// When the relay refuses a token, the next message uses a new one.
func TestRelayLoginWithOAuth(t *testing.T) {
	t.Parallel()
	var issued atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("refresh_token") != "consent" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error": "invalid_grant"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("token-%d", issued.Add(1)), "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(endpoint.Close)
	address, secret, serve := newProvider(t, true)
	secret.Store("token-1")
	w := newWorld(t, fmt.Sprintf(relayConfiguration, strings.TrimPrefix(address, loopback.Host()), "{user: scanner@example.com, oauth: {client_id: app, token_url: \""+endpoint.URL+"\"}}"),
		withFiles(map[string]string{"token-key": strings.Repeat("k", 48)}))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	if err := w.submit("bob@example.org"); err == nil || !strings.Contains(err.Error(), "run letterlock oauth login") {
		t.Fatal(err)
	}
	c, err := configs.Load(filepath.Join(w.folder, "letterlock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	login := c.Smarthost.Destinations[0].Login
	if err := GrantOf(c, login).(*oauth.Refresh).File.Write("consent"); err != nil {
		t.Fatal(err)
	}
	if err := w.submit("bob@example.org"); err != nil {
		t.Fatal(err)
	}
	secret.Store("token-2")
	if err := w.submit("bob@example.org"); err == nil || !strings.Contains(err.Error(), "refused the login of scanner@example.com") {
		t.Fatal(err)
	}
	if err := w.submit("bob@example.org"); err != nil {
		t.Fatalf("no new token is used: %v", err)
	}
	w.showsNo(t, "token-1", "token-2", "consent\"", "kkkkkkkk")
}

// showsNo searches secrets in the log, on the status page, in its forms for programs, and
// in the state folder.
func (w *world) showsNo(t *testing.T, secrets ...string) {
	t.Helper()
	texts := map[string]string{"the log": w.log.String()}
	for _, path := range []string{"/", "/status.json", "/metrics"} {
		answer := httptest.NewRecorder()
		w.pages.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		texts[path] = answer.Body.String()
	}
	err := filepath.WalkDir(filepath.Join(w.folder, "state"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		texts[file] = file + string(text)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for name, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
				t.Errorf("%s contains %q", name, secret)
			}
		}
	}
}

// withFiles adds files that only their owner may read.
func withFiles(files map[string]string) func(*world) {
	return func(w *world) {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(w.folder, name), []byte(text), 0o600); err != nil {
				w.Fatal(err)
			}
		}
	}
}
