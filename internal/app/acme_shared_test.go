package app

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/redis"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// newSharedKeeper orders a certificate for mail.example.com, with its state in a server.
func newSharedKeeper(t *testing.T, ca *pebble.CA, dir string, server *miniredis.Miniredis) *acme.Keeper {
	t.Helper()
	k, err := acme.New(acme.Options{
		Certificates: [][]string{{"mail.example.com"}}, Keys: []acme.KeyType{acme.P256}, Directory: ca.Directory, Roots: ca.Roots,
		Dir: dir, HTTP: "unused", Log: slog.New(slog.DiscardHandler), Follow: 20 * time.Millisecond,
		Shared: sharedACME{newStore(t, server), "ca.test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	k.Serve()
	return k
}

// Instances order one certificate through the store, which cannot read it. A store that
// was wiped gets it again.
func TestInstancesShareCertificates(t *testing.T) {
	server, ca := redis.Run(t), pebble.New(t)
	ca.Start(t, pebble.Options{Trusting: true})
	var orders atomic.Int32
	ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/order-plz") {
			orders.Add(1)
		}
		return false
	})
	hosts := []string{"mail.example.com"}
	one, two := newSharedKeeper(t, ca, t.TempDir(), server), newSharedKeeper(t, ca, t.TempDir(), server)
	wait.Until(t, "the instances have no common certificate", func() bool {
		a, b := one.Certificates(hosts), two.Certificates(hosts)
		return len(a) == 1 && len(b) == 1 && a[0].Leaf.Equal(b[0].Leaf)
	})
	if n := orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
	if dump := server.Dump(); strings.Contains(dump, "PRIVATE KEY") || strings.Contains(dump, "mail.example") {
		t.Errorf("the store can read:\n%s", dump)
	}
	server.FlushAll()
	three := newSharedKeeper(t, ca, t.TempDir(), server)
	wait.Until(t, "a new instance gets no certificate after the store was wiped", func() bool {
		return len(three.Certificates(hosts)) == 1
	})
	if n := orders.Load(); n != 1 {
		t.Errorf("%d orders after the store was wiped", n)
	}
}

// An older program neither uses nor changes an entry of a newer one. It replaces an entry
// that cannot be read.
func TestSharedACMEOfANewerProgram(t *testing.T) {
	store := newStore(t, redis.Run(t))
	s := sharedACME{store, "ca.test"}
	set := func(text string) {
		t.Helper()
		if err := store.Set(t.Context(), s.name("a"), []byte(text), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	replaced := func([]byte) []byte { return []byte("replaced") }
	set(`{"version":2,"data":{"other":"form"}}`)
	if data, err := s.Get(t.Context(), "a"); !errors.Is(err, errNewerACME) {
		t.Errorf("%q, %v", data, err)
	}
	if err := s.Update(t.Context(), "a", time.Hour, replaced); !errors.Is(err, errNewerACME) {
		t.Error(err)
	}
	set("garbage")
	if err := s.Update(t.Context(), "a", time.Hour, replaced); err != nil {
		t.Error(err)
	}
	if data, err := s.Get(t.Context(), "a"); err != nil || string(data) != "replaced" {
		t.Errorf("%q, %v", data, err)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	lock, err := s.Lock(t.Context(), "a")
	if err != nil || lock.Held(t.Context()) != nil || lock.Set(t.Context(), "a", []byte("fenced"), time.Hour) != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), cluster.Name{Kind: "lock", ID: s.name("a").Kind + " " + s.name("a").ID}); err != nil {
		t.Fatal(err)
	}
	if err := lock.Set(t.Context(), "a", nil, time.Hour); !errors.Is(err, acme.ErrLost) || !errors.Is(lock.Held(t.Context()), acme.ErrLost) {
		t.Error(err)
	}
	lock.Unlock()
}

// Instances measure the waits of a rollover by the clock of the store, because theirs may
// differ, and keep the record of an old key longer.
func TestRolloverOfSeveralInstances(t *testing.T) {
	server := redis.Run(t)
	server.SetTime(time.Now().Add(-5 * time.Minute))
	c := mustConfig(t, "hostname: mail.example.test\nacme: {http: \"{host}:0\", dane: {}}\n"+
		"listeners: [{service: smtp, backend: b, recipients: [example.test]}]\n")
	c.StateDir = t.TempDir()
	o, _, err := acmeOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	o.Shared = sharedACME{newStore(t, server), "ca.test"}
	r, err := rolloverOptions(c, o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if behind := time.Since(r.Now()); behind < 4*time.Minute || behind > 6*time.Minute || r.Grace != sharedGrace {
		t.Errorf("the clock is %s behind, the grace is %s", behind, r.Grace)
	}
	if _, ok := r.Store.(acme.Locker); !ok {
		t.Error("the state has no lock")
	}
}

// An instance that starts beside others serves their certificate, although the CA is down.
func TestAnInstanceGetsTheCertificateOfTheOthers(t *testing.T) {
	server := redis.Run(t)
	const directory = "https://127.0.0.1:1/dir"
	text := strings.NewReplacer("{store}", server.Addr(), "{name}", "one", "certificates: [{cert: cert.pem, key: key.pem}]",
		"hostname: mail.example.com\nacme: {directory: \""+directory+"\", http: \"{host}:0\"}").Replace(clusterBase)
	w := newWorld(t, text, func(w *world) {
		if err := os.WriteFile(filepath.Join(w.folder, "cluster.key"), []byte(clusterKey), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	g := w.now.Load()
	wait.Until(t, "the store is down", g.sharing.store.Up)
	chain, key := authority.PEM(t, w.ca.ECDSA(t, "mail.example.com"))
	shared := sharedACME{g.sharing.store, filepath.Base(ACMEDir(g.config))}
	err := shared.Update(t.Context(), "mail.example.com", time.Hour, func([]byte) []byte { return append(key, chain...) })
	if err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the certificate is not served", func() bool {
		conn, err := w.dial(0, func(c *tls.Config) { c.ServerName = "mail.example.com" })
		return err == nil && conn.Close() == nil
	})
	if _, err := os.Stat(filepath.Join(ACMEDir(g.config), "mail.example.com")); err != nil {
		t.Error(err)
	}
}
