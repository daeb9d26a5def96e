// Package pebble runs Pebble, Let's Encrypt's ACME server for tests, within a
// test.
package pebble

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/core"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Options configure a CA.
type Options struct {
	HTTP, TLS int    // the ports that challenges are fetched from
	Resolver  string // host:port of the DNS server for the names

	Life       time.Duration            // of certificates, in whole seconds; 0: 90 days
	Profiles   map[string]time.Duration // more profiles, with the life of their certificates
	Alternates int                      // chains to other roots that are offered too

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
	roots   []*x509.Certificate
	handler atomic.Value // http.Handler
	refuse  atomic.Value // func(http.ResponseWriter, *http.Request) bool
	down    atomic.Bool
	bare    atomic.Bool // see LeaveOutIntermediates
}

// New opens the CA's API. It answers after Start: the ports for challenges may
// not be known yet.
func New(t testing.TB) *CA {
	t.Helper()
	return open(t, nil, nil)
}

// NewOn is New with a socket of its own and the certificate of its address, for clients
// on other machines.
func NewOn(t testing.TB, socket net.Listener, certificate tls.Certificate) *CA {
	t.Helper()
	return open(t, socket, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}

func open(t testing.TB, socket net.Listener, config *tls.Config) *CA {
	c := &CA{}
	c.down.Store(true)
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	if socket != nil {
		_ = c.server.Listener.Close()
		c.server.Listener, c.server.TLS = socket, config
	}
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
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {ValidityPeriod: uint64(o.Life / time.Second)}}
	for name, life := range o.Profiles {
		profiles[name] = ca.Profile{ValidityPeriod: uint64(life / time.Second)}
	}
	authority := ca.New(quiet, store, "", "ecdsa", o.Alternates, 1, profiles)
	if o.KeyID != "" {
		if err := store.AddExternalAccountKeyByID(o.KeyID, base64.RawURLEncoding.EncodeToString(o.Key)); err != nil {
			t.Fatal(err)
		}
	}
	restore := setEnvironment(t, o)
	validator := va.New(quiet, o.HTTP, o.TLS, false, o.Resolver, store)
	front := wfe.New(quiet, store, validator, authority, []string{"ca.test"}, false, o.KeyID != "", 1, 1)
	restore()
	c.Issued = x509.NewCertPool()
	for i := range authority.GetNumberOfRootCerts() {
		c.roots = append(c.roots, authority.GetRootCert(i).Cert)
		c.Issued.AddCert(c.roots[i])
	}
	c.store = store
	c.handler.Store(front.Handler())
	c.SetDown(false)
}

// environment belongs to the CA that is being made: Pebble reads some of its options
// from there, and tests run in parallel.
var environment sync.Mutex

// setEnvironment sets the variables that Pebble reads while a CA is made. The function
// that it returns removes them.
func setEnvironment(t testing.TB, o Options) func() {
	t.Helper()
	variables := map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
	if o.Trusting {
		variables["PEBBLE_VA_ALWAYS_VALID"] = "1"
	}
	environment.Lock()
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			environment.Unlock()
			t.Fatal(err)
		}
	}
	return func() {
		defer environment.Unlock()
		for name := range variables {
			_ = os.Unsetenv(name)
		}
	}
}

// SetDown makes the CA drop every connection, or answer again.
func (c *CA) SetDown(down bool) { c.down.Store(down) }

// Close closes the API before the end of the test.
func (c *CA) Close() { c.server.Close() }

// Root returns the root of a chain, that of the first chain for 0.
func (c *CA) Root(i int) *x509.Certificate { return c.roots[i] }

// Refuse sets a function that answers requests instead of the CA, if it returns true.
func (c *CA) Refuse(answer func(http.ResponseWriter, *http.Request) bool) { c.refuse.Store(answer) }

// SuggestRenewal sets the window in which the CA asks to renew a certificate (RFC 9773).
func (c *CA) SuggestRenewal(t testing.TB, leaf *x509.Certificate, start, end time.Time) {
	t.Helper()
	answer := fmt.Sprintf(`{"suggestedWindow": {"start": %q, "end": %q}}`, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	if err := c.store.SetARIResponse(leaf.SerialNumber, answer); err != nil {
		t.Fatal(err)
	}
}

// Replaced reports whether an order has replaced a certificate (RFC 9773 §5).
func (c *CA) Replaced(t testing.TB, leaf *x509.Certificate) bool {
	t.Helper()
	id, err := core.NewCertID(serial(leaf), leaf.AuthorityKeyId)
	if err != nil {
		t.Fatal(err)
	}
	order, err := c.store.GetOrderByIssuedSerial(id.SerialHex())
	if err != nil {
		t.Fatal(err)
	}
	order.RLock()
	defer order.RUnlock()
	return order.IsReplaced
}

// Deactivate deactivates the account with a key.
func (c *CA) Deactivate(t testing.TB, key crypto.PublicKey) {
	t.Helper()
	account, err := c.store.GetAccountByKey(key)
	if err != nil || account == nil {
		t.Fatalf("no account with this key: %v", err)
	}
	account.Status = acme.StatusDeactivated
}

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
