package acme

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libdns/libdns"

	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/resolver"
)

// mortal is the access to a zone of an instance that can be killed.
type mortal struct {
	*zone
	m   *member
	set func() // called after a record was set
}

var errDead = errors.New("the instance is dead")

func (z mortal) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	set, err := z.zone.AppendRecords(ctx, zone, records)
	z.set()
	return set, err
}

func (z mortal) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	if z.m.dead.Load() {
		return nil, errDead
	}
	return z.zone.DeleteRecords(ctx, zone, records)
}

// An instance dies after it has set the record of DNS-01, before or after the CA has proved
// the name. The other instance completes the order, and removes the record.
func TestDNS01OfADeadInstance(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"the record is set", "/chalZ/"} {
		t.Run(strings.Trim(moment, "/"), func(t *testing.T) {
			z := &zone{texts: map[string][]string{}}
			client := func(p dnsupdate.Provider) *dnsupdate.Client {
				return &dnsupdate.Client{Provider: p, Timeout: 3 * time.Second}
			}
			a, b := newPair(t, newBoard(), Options{DNS: client(z)})
			z.dns = b.dns
			b.dns.Zone("example.test")
			m := a.o.Shared.(*member)
			kill := sync.OnceFunc(func() {
				m.dead.Store(true)
				a.end()
			})
			dies := func() {}
			if moment == "the record is set" {
				dies = kill
			}
			a.o.DNS = client(mortal{z, m, dies})
			for _, bench := range []*bench{a, b} {
				bench.o.DNS.Resolver, bench.o.DNS.Port = resolver.Resolver{Address: b.dns.Address}, b.dns.Port()
			}
			var orders atomic.Int32
			b.ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/order-plz") {
					orders.Add(1)
				}
				if strings.Contains(r.URL.Path, moment) {
					kill()
				}
				return false
			})
			if err := a.order(a.entry(P256)); err == nil || len(z.left()) != 1 {
				t.Fatalf("%v, %v are left", err, z.left())
			}
			if err := b.order(b.entry(P256)); err != nil {
				t.Fatal(b.describe(err, b.entry(P256)))
			}
			if n := orders.Load(); n != 1 || len(z.left()) > 0 {
				t.Errorf("%d orders, %v are left", n, z.left())
			}
		})
	}
}
