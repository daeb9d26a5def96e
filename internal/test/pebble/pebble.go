// Package pebble runs Pebble, Let's Encrypt's ACME server for tests, within a
// test.
package pebble

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Options configure a CA.
type Options struct {
	HTTP, TLS int    // the ports that challenges are fetched from
	Resolver  string // host:port of the DNS server for the names

	Life time.Duration // of certificates, in whole seconds; 0: 90 days

	// KeyID and Key are an external account that clients must use; empty: not
	// required.
	KeyID string
	Key   []byte

	Trusting bool // accepts every challenge without a check
}

// CA is a running Pebble. It is up at first.
type CA struct {
	Directory string         // URL
	Roots     *x509.CertPool // trusts the certificate of the API
	Issued    *x509.CertPool // trusts the certificates that the CA issues

	store   *db.MemoryStore
	server  *httptest.Server
	handler atomic.Value // http.Handler
	down    atomic.Bool
}

// New opens the CA's API. It answers after Start: the ports for challenges may
// not be known yet.
func New(t testing.TB) *CA {
	t.Helper()
	c := &CA{}
	c.down.Store(true)
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	c.Directory = c.server.URL + wfe.DirectoryPath
	c.Roots = x509.NewCertPool()
	c.Roots.AddCert(c.server.Certificate())
	return c
}

// Start makes the CA answer.
func (c *CA) Start(t testing.TB, o Options) {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("PEBBLE_WFE_AUTHZREUSE", "0")
	if o.Trusting {
		t.Setenv("PEBBLE_VA_ALWAYS_VALID", "1")
	}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {ValidityPeriod: uint64(o.Life / time.Second)}}
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, profiles)
	if o.KeyID != "" {
		if err := store.AddExternalAccountKeyByID(o.KeyID, base64.RawURLEncoding.EncodeToString(o.Key)); err != nil {
			t.Fatal(err)
		}
	}
	validator := va.New(quiet, o.HTTP, o.TLS, false, o.Resolver, store)
	front := wfe.New(quiet, store, validator, authority, []string{"ca.test"}, false, o.KeyID != "", 1, 1)
	c.Issued = x509.NewCertPool()
	c.Issued.AddCert(authority.GetRootCert(0).Cert)
	c.store = store
	c.handler.Store(front.Handler())
	c.SetDown(false)
}

// SetDown makes the CA drop every connection, or answer again.
func (c *CA) SetDown(down bool) { c.down.Store(down) }

// Contact returns the contact of the account with a key.
func (c *CA) Contact(t testing.TB, key crypto.PublicKey) []string {
	t.Helper()
	account, err := c.store.GetAccountByKey(key)
	if err != nil || account == nil {
		t.Fatalf("no account with this key: %v", err)
	}
	return account.Contact
}

// RootsFile writes the roots that trust the API's certificate to a file.
func (c *CA) RootsFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate().Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var errDown = errors.New("the CA is down")

// RoundTrip answers a request without a socket, for tests with their own clock
// (testing/synctest). The CA must be Trusting, and must have been started
// outside of the bubble.
func (c *CA) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.down.Load() {
		return nil, errDown
	}
	r = r.Clone(r.Context())
	r.Host, r.RequestURI, r.TLS = r.URL.Host, r.URL.RequestURI(), &tls.ConnectionState{}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.handler.Load().(http.Handler).ServeHTTP(w, r)
	if id, ok := strings.CutPrefix(r.URL.Path, "/chalZ/"); ok {
		c.settle(id)
	}
	c.complete(r)
	return w.Result(), nil
}

// complete waits until the order that a request finalizes is complete. Pebble
// locks an order for reading twice when a client requests it, and deadlocks if
// it stores the certificate between the two. Like settle it polls without
// blocking.
func (c *CA) complete(r *http.Request) {
	id, ok := strings.CutPrefix(r.URL.Path, "/finalize-order/")
	if !ok {
		return
	}
	order := c.store.GetOrderByID(id)
	for tries := 0; order != nil && tries < 10_000_000; tries++ {
		order.RLock()
		done := !order.BeganProcessing || order.CertificateObject != nil
		order.RUnlock()
		if done {
			return
		}
		runtime.Gosched()
	}
}

// settle waits until a challenge has been validated, which takes real time. It
// does not block, because otherwise the clock of the bubble would advance.
func (c *CA) settle(id string) {
	challenge := c.store.GetChallengeByID(id)
	for done := challenge == nil; !done; runtime.Gosched() {
		challenge.RLock()
		done = challenge.Status != acme.StatusPending && challenge.Status != acme.StatusProcessing
		challenge.RUnlock()
	}
}

func (c *CA) serve(w http.ResponseWriter, r *http.Request) {
	if c.down.Load() {
		panic(http.ErrAbortHandler)
	}
	c.handler.Load().(http.Handler).ServeHTTP(w, r)
	c.complete(r)
}
