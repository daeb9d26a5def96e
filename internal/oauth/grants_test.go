package oauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// endpoint is a provider's server. It answers each request with the next answer,
// and the last one again and again.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []answer
	requests []url.Values
}

type answer struct {
	status int
	body   string
}

func newEndpoint(t *testing.T, answers ...answer) *endpoint {
	e := &endpoint{answers: answers}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		_ = r.ParseForm()
		e.requests = append(e.requests, r.PostForm)
		a := e.answers[0]
		if len(e.answers) > 1 {
			e.answers = e.answers[1:]
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) request(i int) url.Values {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests[i]
}

const issued = `{"access_token": "access", "token_type": "Bearer", "expires_in": 3600}`

func newFile(t *testing.T, account string) *File {
	key := bytes.Repeat([]byte{7}, minKey)
	return &File{Path: filepath.Join(t.TempDir(), "oauth", "token"), Account: account, Key: func() ([]byte, error) { return key, nil }}
}

func TestRefreshToken(t *testing.T) {
	e := newEndpoint(t, answer{200, `{"access_token": "access", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "second"}`})
	r := &Refresh{App: App{ID: "app", TokenURL: e.URL, Scopes: []string{"mail"}, Secret: func() (string, error) { return "client secret", nil }}, File: newFile(t, "a")}
	if _, err := NewSource(r).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "letterlock oauth login") {
		t.Fatal(err)
	}
	if err := r.File.Write("first"); err != nil {
		t.Fatal(err)
	}
	if token, err := NewSource(r).Get(t.Context()); token != "access" || err != nil {
		t.Fatal(token, err)
	}
	if got := e.request(0); got.Get("grant_type") != "refresh_token" || got.Get("refresh_token") != "first" || got.Get("client_id") != "app" || got.Get("client_secret") != "client secret" {
		t.Error(got)
	}
	if kept, err := r.File.Read(); kept != "second" || err != nil {
		t.Errorf("%q, %v: the provider has issued another refresh token", kept, err)
	}
}

func TestClientCredentials(t *testing.T) {
	e := newEndpoint(t, answer{200, issued})
	c := &ClientCredentials{App{ID: "app", TokenURL: e.URL, Scopes: []string{"mail"}, Secret: func() (string, error) { return "client secret", nil }}}
	if token, err := NewSource(c).Get(t.Context()); token != "access" || err != nil {
		t.Fatal(token, err)
	}
	if got := e.request(0); got.Get("grant_type") != "client_credentials" || got.Get("scope") != "mail" || got.Get("client_secret") != "client secret" {
		t.Error(got)
	}
}

func TestServiceAccount(t *testing.T) {
	e := newEndpoint(t, answer{200, issued})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	write := func(kind, uri string) []byte {
		text, err := json.Marshal(serviceKey{Type: kind, ClientEmail: "app@project.example", PrivateKey: string(private), TokenURI: uri})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	file := write("service_account", e.URL)
	s := &ServiceAccount{Key: func() ([]byte, error) { return file, nil }, User: "scanner@example.com", Scopes: []string{"mail"}}
	if token, err := NewSource(s).Get(t.Context()); token != "access" || err != nil {
		t.Fatal(token, err)
	}
	if got := e.request(0); got.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || got.Get("assertion") == "" {
		t.Error(got)
	}
	for name, text := range map[string][]byte{
		"another kind": write("authorized_user", e.URL), "plain http": write("service_account", "http://192.0.2.1/token"), "no JSON": []byte("-----BEGIN"),
	} {
		file = text
		if _, err := NewSource(s).Get(t.Context()); err == nil || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConsent(t *testing.T) {
	device := newEndpoint(t, answer{200, `{"device_code": "device", "user_code": "ABCD-EFGH", "verification_uri": "https://provider.example/device", "interval": 1, "expires_in": 60}`})
	token := newEndpoint(t, answer{400, `{"error": "authorization_pending"}`}, answer{200, `{"access_token": "access", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "kept"}`})
	r := &Refresh{App: App{ID: "app", TokenURL: token.URL, DeviceURL: device.URL}, File: newFile(t, "a")}
	var shown string
	if err := r.Consent(t.Context(), func(address, code string) { shown = address + " " + code }); err != nil {
		t.Fatal(err)
	}
	if shown != "https://provider.example/device ABCD-EFGH" {
		t.Error(shown)
	}
	if kept, err := r.File.Read(); kept != "kept" || err != nil {
		t.Error(kept, err)
	}
}

// A refusal names the remedy. No error contains a secret, even if the provider's
// answer repeats it.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		answer answer
		want   string
	}{
		{answer{400, `{"error": "invalid_grant", "error_description": "Token has been revoked."}`}, "run letterlock oauth login"},
		{answer{401, `{"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: x"}`}, "make a new one"},
		{answer{400, `{"error": "invalid_grant", "error_description": "AADSTS65001: The user or administrator has not consented"}`}, "must consent"},
		{answer{400, `{"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}`}, "the clock of this machine"},
		{answer{400, `{"error": "unheard_of"}`}, "ask the provider"},
		{answer{500, `my secret is s3cret`}, "HTTP status 500"},
		{answer{200, `{"access_token": ""}`}, "cannot be used"},
		{answer{200, `s3cret`}, "cannot be used"},
		{answer{302, ``}, "HTTP status 302"},
	} {
		e := newEndpoint(t, tt.answer)
		c := &ClientCredentials{App{ID: "app", TokenURL: e.URL, Secret: func() (string, error) { return "s3cret", nil }}}
		_, err := NewSource(c).Get(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %v, want %q", tt.answer.body, err, tt.want)
		}
	}
}

// The time of a token counts from its arrival, by this machine's clock: the clock of
// the provider may differ.
func TestClocksThatDiffer(t *testing.T) {
	for _, date := range []string{"Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"} {
		e := newEndpoint(t, answer{200, issued})
		e.Config.Handler = dated(date, e.Config.Handler)
		c := NewSource(&ClientCredentials{App{ID: "app", TokenURL: e.URL, Secret: func() (string, error) { return "s3cret", nil }}})
		for range 2 {
			if token, err := c.Get(t.Context()); token != "access" || err != nil {
				t.Errorf("%s: %q, %v", date, token, err)
			}
		}
		if left := time.Until(c.token.Expiry); len(e.requests) != 1 || left < 50*time.Minute || left > time.Hour {
			t.Errorf("%s: %d requests, the token ends in %s", date, len(e.requests), left)
		}
	}
}

func dated(date string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", date)
		next.ServeHTTP(w, r)
	})
}

func TestTokenEndpointThatIsDown(t *testing.T) {
	c := &ClientCredentials{App{ID: "app", TokenURL: "http://127.0.0.1:1/?secret=s3cret"}} // no process listens there
	if _, err := NewSource(c).Get(context.Background()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

func TestFileIsEncrypted(t *testing.T) {
	f := newFile(t, "alice")
	if token, err := f.Read(); token != "" || err != nil {
		t.Fatal(token, err)
	}
	if err := f.Write("the refresh token"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Path)
	if err != nil || bytes.Contains(text, []byte("refresh")) {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	other := *f
	other.Account = "bob"
	otherKey := *f
	otherKey.Key = func() ([]byte, error) { return bytes.Repeat([]byte{8}, minKey), nil }
	for name, wrong := range map[string]*File{"another account": &other, "another key": &otherKey} {
		if token, err := wrong.Read(); err == nil || token != "" {
			t.Errorf("%s: %q", name, token)
		}
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(f.Path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := f.Read(); err == nil {
		t.Errorf("damaged: %q", token)
	}
}
