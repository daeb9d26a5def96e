package app

import (
	"bufio"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/redis"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const clusterBase = `
cluster: {addresses: ["{store}"], tls: false, key_file: cluster.key, instance: {name}}
certificates: [{cert: cert.pem, key: key.pem}]
limits: {login_failures_per_client: 3}
timeouts: {login_delay: 1s}
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
`

// clusterKey is a key of a cluster: 32 bytes in base64.
const clusterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// newInstance starts an instance of a cluster. Its certificate is that of other, so that
// the clients trust both.
func newInstance(t *testing.T, store, name string, other *world) *world {
	t.Helper()
	text := strings.NewReplacer("{store}", store, "{name}", name).Replace(clusterBase)
	return newWorld(t, text, func(w *world) {
		if other != nil {
			w.ca = other.ca
			w.put(other.ca.ECDSA(t, "mail.example.com"))
		}
		if err := os.WriteFile(filepath.Join(w.folder, "cluster.key"), []byte(clusterKey), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// shares waits until an instance has the ticket keys of the cluster.
func (w *world) shares(with *world) {
	w.Helper()
	wait.Until(w, "the instances have different ticket keys", func() bool {
		a, b := w.now.Load().sharing.chain.get(), with.now.Load().sharing.chain.get()
		return string(a.Secret) == string(b.Secret)
	})
}

// A TLS session of one instance is resumed at each other, also when the store is gone.
func TestInstancesResumeSessionsOfEachOther(t *testing.T) {
	t.Parallel()
	store := redis.Run(t)
	one := newInstance(t, store.Addr(), "one", nil)
	two := newInstance(t, store.Addr(), "two", one)
	for _, w := range []*world{one, two} { // file names of certificates, which differ here, belong to the keys
		w.configure(strings.Replace(strings.NewReplacer("{store}", store.Addr(), "{name}", w.now.Load().config.Cluster.Instance).Replace(clusterBase),
			"certificates: [{cert: cert.pem, key: key.pem}]", "hostname: mail.example.com", 1))
		w.Reload()
	}
	two.shares(one)
	for _, w := range []*world{one, two} {
		w.now.Load().maintenance.look()
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		held := &heldSession{}
		one.resumes(0, held, version, "mail.example.com")
		if !two.resumes(0, held, version, "mail.example.com") {
			t.Errorf("%#x: the other instance does not resume", version)
		}
		if !one.resumes(0, held, version, "mail.example.com") {
			t.Errorf("%#x: the first instance does not resume", version)
		}
	}
	store.Close()
	held := &heldSession{}
	one.resumes(0, held, tls.VersionTLS13, "mail.example.com")
	if !two.resumes(0, held, tls.VersionTLS13, "mail.example.com") {
		t.Error("without the store the other instance does not resume")
	}
}

// A client that guesses has one allowance over all instances. While the store is away
// each instance has its own, and it says so.
func TestH17_InstancesShareFailedLogins(t *testing.T) {
	t.Parallel()
	store := redis.Run(t)
	one := newInstance(t, store.Addr(), "one", nil)
	two := newInstance(t, store.Addr(), "two", one)
	for i := range 3 {
		[]*world{one, two}[i%2].tryLogin("wrong", "a NO")
	}
	for _, w := range []*world{one, two} {
		from := len(w.log.String())
		w.tryLogin("demo", "a NO")
		w.wantLog(from, "login refused", "too many failed logins")
	}
	store.Close()
	wait.Until(t, "the instance does not notice that the store is gone", func() bool { return !two.now.Load().sharing.store.Up() })
	two.tryLogin("demo", "a OK") // its own failures only are within the limit
	if shown := two.now.Load().sharing.shown(); shown.Up || shown.Problem == "" || shown.Instance != "two" {
		t.Errorf("the status page shows %+v", shown)
	}
}

// A reload connects to another store, and ends the connection to the first.
func TestReloadOfTheCluster(t *testing.T) {
	t.Parallel()
	first, second := redis.Run(t), redis.Run(t)
	w := newInstance(t, first.Addr(), "one", nil)
	before := w.now.Load().sharing
	w.Reload()
	if w.now.Load().sharing != before {
		t.Error("a reload without a change connects anew")
	}
	text := strings.NewReplacer("{store}", second.Addr(), "{name}", "one").Replace(clusterBase)
	w.configure(text)
	w.Reload()
	if w.now.Load().sharing == before {
		t.Error("a reload does not connect to the other store")
	}
	wait.Until(t, "the other store is not used", func() bool { return len(second.Keys()) > 0 })
	w.configure(strings.Replace(text, "cluster:", "# cluster:", 1))
	w.Reload()
	if w.now.Load().sharing != nil {
		t.Error("the cluster is still used")
	}
	w.configure(strings.Replace(text, "cluster.key", "missing.key", 1))
	w.Reload()
	if w.now.Load().sharing != nil || !strings.Contains(w.log.String(), "missing.key") {
		t.Error("a key file that is missing is not reported")
	}
}

// The sessions of a client at all instances count for its limit. Without the store those
// at one instance do.
func TestInstancesShareConnections(t *testing.T) {
	t.Parallel()
	store := redis.Run(t)
	one := newInstance(t, store.Addr(), "one", nil)
	two := newInstance(t, store.Addr(), "two", one)
	for _, w := range []*world{one, two} {
		w.configure(strings.Replace(strings.NewReplacer("{store}", store.Addr(), "{name}", w.now.Load().config.Cluster.Instance).Replace(clusterBase),
			"limits: {", "limits: {connections_per_client: 3, reserved: 0, ", 1))
		w.Reload()
	}
	one.login(0)
	one.login(0)
	two.login(0)
	wait.Until(t, "the sessions at the first instance do not count at the second", func() bool { return two.refuses() })
	store.Close()
	wait.Until(t, "the sessions at the first instance count without the store", func() bool { return !two.refuses() })
}

// refuses connects once, and reports whether the connection was refused at a limit.
func (w *world) refuses() bool {
	from := len(w.log.String())
	conn, err := w.dial(0, nil)
	if err == nil {
		_, err = bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
	}
	return err != nil || strings.Contains(w.log.String()[from:], "limits.connections_per_client")
}

// The command whatif reads the inventories of all instances, and its own alone while the
// store is away. A store that was wiped gets the copies again.
func TestInventoriesAreMerged(t *testing.T) {
	t.Parallel()
	store := redis.Run(t)
	one := newInstance(t, store.Addr(), "one", nil)
	two := newInstance(t, store.Addr(), "two", one)
	one.login(0)
	two.login(0)
	sessions := func(w *world) (n uint64, partial error) {
		all, partial, err := Inventory(t.Context(), w.now.Load().config, time.Now(), slog.New(slog.DiscardHandler))
		if err != nil {
			return 0, partial
		}
		for _, e := range all.Entries {
			if e.User == "demo" {
				n += e.Count
			}
		}
		return n, partial
	}
	for _, w := range []*world{one, two} {
		wait.Until(t, "whatif does not see the sessions of both instances", func() bool { n, _ := sessions(w); return n == 2 })
	}
	store.FlushAll()
	sharing := two.now.Load().sharing
	sharing.copied.check(t.Context(), sharing.store, "two")
	wait.Until(t, "the copy of a wiped store does not return", func() bool { n, _ := sessions(one); return n == 2 })
	store.Close()
	if n, partial := sessions(one); n != 1 || partial == nil {
		t.Errorf("without the store: %d sessions, %v", n, partial)
	}
}
