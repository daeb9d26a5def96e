package acme

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/tlspolicy"
)

const mail, other = "mail.example.test", "mta-sts.example.test"

// anyPort is an address for challenges.
var anyPort = loopback.Host() + ":0"

// bench is a keeper with a CA, and a DNS that leads back to the keeper.
type bench struct {
	*Keeper
	ca      *pebble.CA
	dns     *nameserver.Server
	log     *wait.Log
	changed chan struct{}
}

// newBench creates a keeper; the CA stays down until start.
func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{ca: pebble.New(t), dns: nameserver.New(t), log: &wait.Log{}, changed: make(chan struct{}, 100)}
	for _, name := range []string{mail, other} {
		b.dns.Set(name, &dnsmessage.AResource{A: loopback.IPv4()})
	}
	if o.Certificates == nil {
		o.Certificates = [][]string{{mail}}
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "acme")
	}
	if o.Limits == (web.Limits{}) {
		o.Limits = web.Limits{Connections: 128, PerClient: 16}
	}
	o.Directory, o.Roots = b.ca.Directory, b.ca.Roots
	o.Retry, o.LongestRetry = 20*time.Millisecond, 100*time.Millisecond
	o.Changed = func() { b.changed <- struct{}{} }
	o.Log = slog.New(slog.NewTextHandler(b.log, nil))
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Keeper = k
	if err := k.Listen(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Close()
		if t.Failed() {
			t.Log(b.log)
		}
	})
	return b
}

// start makes the CA answer, with the keeper's ports for challenges; for a
// challenge without a listener, a port on which no process listens.
func (b *bench) start(t *testing.T, o pebble.Options) {
	o.Resolver, o.HTTP, o.TLS = b.dns.Address, 1, 1
	for i, address := range b.Addresses() {
		port := address.(*net.TCPAddr).Port
		if b.servers[i].tls {
			o.TLS = port
		} else {
			o.HTTP = port
		}
	}
	b.ca.Start(t, o)
}

// await waits until there are n certificates for which ok returns true.
func (b *bench) await(t *testing.T, n int, ok func(tls.Certificate) bool) []tls.Certificate {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		var good []tls.Certificate
		for _, c := range b.Certificates(b.hosts()) {
			if ok(c) {
				good = append(good, c)
			}
		}
		if len(good) >= n {
			return good
		}
		select {
		case <-b.changed:
		case <-limit:
			t.Fatalf("%d certificates after a minute, not %d", len(good), n)
		}
	}
}

// hosts lists all names.
func (b *bench) hosts() []string { return slices.Concat(b.o.Certificates...) }

// entry returns the first certificate, or the one with another type of key.
func (b *bench) entry(kind KeyType) *entry {
	for _, e := range b.table.sets[0].entries {
		if e.kind == kind {
			return e
		}
	}
	return nil
}

func anyOne(tls.Certificate) bool { return true }

func handshake(t *testing.T, get certs.Getter, client *tls.Config, sni string) *x509.Certificate {
	t.Helper()
	policy, _ := tlspolicy.Named("opportunistic")
	config := policy.Config()
	config.GetCertificate = get
	near, far := net.Pipe()
	server := tls.Server(far, config)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client = client.Clone()
	client.ServerName, client.InsecureSkipVerify = sni, true // the chain is verified elsewhere
	conn := tls.Client(near, client)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	_ = far.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func waitFor(t *testing.T, log *wait.Log, words string, times int) {
	t.Helper()
	wait.Until(t, "the log does not say "+words, func() bool { return strings.Count(log.String(), words) >= times })
}
