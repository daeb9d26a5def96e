package sts

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/egress"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// web is a Fetcher of whatever a domain serves.
type web struct {
	served  map[string]string
	fetched int
}

var errAway = errors.New("nobody answers")

func (w *web) Fetch(_ context.Context, domain string) (string, error) {
	w.fetched++
	if text, ok := w.served[domain]; ok {
		return text, nil
	}
	return "", errAway
}

type world struct {
	*Store
	dns *nameserver.Server
	web *web
	log *bytes.Buffer
}

func newWorld(t *testing.T, folder string) *world {
	t.Helper()
	w := &world{dns: nameserver.New(t), web: &web{served: map[string]string{}}, log: &bytes.Buffer{}}
	w.Store = NewStore(folder, resolver.Resolver{Address: w.dns.Address}, w.web, slog.New(slog.NewTextHandler(w.log, nil)))
	return w
}

// publish lets a domain have a policy; without an ID it has none.
func (w *world) publish(domain, id, mode string) {
	w.dns.Set("_mta-sts."+domain, &dnsmessage.TXTResource{TXT: []string{"v=STSv1; id=" + id + ";"}})
	w.web.served[domain] = mtasts.Policy{Mode: mode, MaxAge: time.Hour, MX: []string{"mx." + domain}}.Text()
}

// later is as if so much time had passed for a domain.
func (w *world) later(domain string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.known[domain]
	e.next, e.expires = e.next.Add(-d), e.expires.Add(-d)
	w.known[domain] = e
}

func (w *world) mode(t *testing.T, domain string) string {
	t.Helper()
	policy, found, err := w.Lookup(t.Context(), domain)
	if _, ok := errors.AsType[*mtasts.Unavailable](err); err != nil && !ok {
		t.Error(err)
	}
	if !found {
		return ""
	}
	return policy.Mode
}

func TestPoliciesComeAndGo(t *testing.T) {
	w := newWorld(t, t.TempDir())
	want := func(step, mode string, fetched int) {
		t.Helper()
		if got := w.mode(t, "a.example"); got != mode || w.web.fetched != fetched {
			t.Errorf("%s: %q after %d fetches, want %q after %d", step, got, w.web.fetched, mode, fetched)
		}
	}
	want("nothing published", "", 0)
	w.publish("a.example", "1", "enforce")
	want("the answer still counts", "", 0)
	w.later("a.example", checkTime)
	want("published", "enforce", 1)
	w.later("a.example", checkTime)
	want("the same", "enforce", 1)
	w.publish("a.example", "2", "testing")
	w.later("a.example", checkTime)
	want("another", "testing", 2)
	w.publish("a.example", "3", "enforce")
	delete(w.web.served, "a.example")
	w.later("a.example", checkTime)
	want("another that cannot be had", "testing", 3)
	w.dns.Behave(false, false, dnsmessage.RCodeServerFailure)
	w.later("a.example", checkTime)
	want("DNS is kept back", "testing", 3)
	w.later("a.example", time.Hour)
	want("it has expired", "", 3)
	if !strings.Contains(w.log.String(), "cannot be had") {
		t.Error(w.log)
	}
}

// An attacker who blocks the fetching of a policy while the program starts gains
// nothing: the stored policy still holds.
func TestPoliciesSurviveARestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "policies")
	w := newWorld(t, folder)
	w.publish("a.example", "1", "enforce")
	w.publish("b.example", "x", "enforce")
	w.web.served["b.example"] = "version: STSv1\nmode: enforce\n" // no MX
	if w.mode(t, "a.example") != "enforce" || w.mode(t, "b.example") != "" {
		t.Fatal("not as published")
	}
	again := newWorld(t, folder) // with a DNS that knows nothing
	if again.mode(t, "a.example") != "enforce" || again.mode(t, "b.example") != "" {
		t.Error("forgotten")
	}
	for name, text := range map[string]string{"c.example": "1\nwhen\nversion: STSv1", "d.example": "1\n2999-01-01T00:00:00Z\nbroken", "e.example": ""} {
		if err := os.WriteFile(filepath.Join(folder, name+".sts"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if again.mode(t, name) != "" {
			t.Errorf("%s is believed", name)
		}
	}
	for _, odd := range []string{"", "../a.example", "/etc/passwd", strings.Repeat("a", 300)} {
		if got := again.mode(t, odd); got != "" {
			t.Errorf("%q: %s", odd, got)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := NewStore(t.TempDir(), nil, nil, slog.New(slog.DiscardHandler))
	for i := range maxKnown + 10 {
		s.remember(fmt.Sprint(i), entry{})
	}
	if len(s.known) != maxKnown {
		t.Errorf("%d are remembered", len(s.known))
	}
}

// The failure of a fetch is returned until the next one, for reports about it.
func TestUnavailable(t *testing.T) {
	w := newWorld(t, t.TempDir())
	expect := func(found, invalid bool) {
		t.Helper()
		for range 2 {
			_, _, err := w.Lookup(t.Context(), "a.example")
			if u, ok := errors.AsType[*mtasts.Unavailable](err); ok != found || ok && u.Invalid != invalid {
				t.Errorf("%v", err)
			}
		}
	}
	expect(false, false)
	w.publish("a.example", "1", "enforce")
	delete(w.web.served, "a.example")
	w.later("a.example", checkTime)
	expect(true, false)
	w.web.served["a.example"] = "version: STSv1\nmode: enforce\n" // no MX
	w.later("a.example", checkTime)
	expect(true, true)
	w.publish("a.example", "2", "enforce")
	w.later("a.example", checkTime)
	expect(false, false)
}

// Only a complete answer of the right web server is a policy.
func TestWeb(t *testing.T) {
	ca := authority.New(t)
	for name, tt := range map[string]struct {
		certificate string
		answer      http.HandlerFunc
		wantErr     string // empty: it is fetched
	}{
		"good":          {"mta-sts.a.example", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("policy")) }, ""},
		"another name":  {"a.example", nil, "certificate"},
		"not found":     {"mta-sts.a.example", http.NotFound, "404"},
		"redirect":      {"mta-sts.a.example", http.RedirectHandler("/other", http.StatusFound).ServeHTTP, "302"},
		"another type":  {"mta-sts.a.example", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }, "text/plain"},
		"without end":   {"mta-sts.a.example", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("mx: x\n"), 20_000)) }, "too long"},
		"another place": {"mta-sts.a.example", func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.Path, http.StatusTeapot) }, "418"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(tt.answer)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, tt.certificate)}}
			server.StartTLS()
			defer server.Close()
			w := NewWeb(nil, nil, func() *x509.CertPool { return ca.Pool })
			w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != "mta-sts.a.example:443" {
					t.Errorf("it goes to %s", address)
				}
				return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			}
			text, err := w.Fetch(t.Context(), "a.example")
			switch {
			case tt.wantErr == "" && (err != nil || text != "policy"):
				t.Errorf("%q, %v", text, err)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)):
				t.Error(err)
			}
		})
	}
}

func TestDialer(t *testing.T) {
	dns := nameserver.New(t)
	dns.Set("mta-sts.a.example", &dnsmessage.AResource{A: loopback.IPv4()})
	l := loopback.Listen(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := dialer{dns: resolver.Resolver{Address: dns.Address}}
	conn, err := d.dial(t.Context(), "tcp", "mta-sts.a.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := d.dial(t.Context(), "tcp", "mta-sts.b.example:"+port); err == nil || !strings.Contains(err.Error(), "has no address") {
		t.Error(err)
	}
	d.guard = &egress.Guard{}
	if _, err := d.dial(t.Context(), "tcp", "mta-sts.a.example:"+port); err == nil || !strings.Contains(err.Error(), loopback.Host()+" is this machine") {
		t.Errorf("a policy from this machine: %v", err)
	}
}
