package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/acme/rollover"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

const host = "mail.example.test"

// memoryZone is a signed zone with one server.
type memoryZone struct {
	mu      sync.Mutex
	records []dane.TLSA
	changes int
}

func (z *memoryZone) TLSA(context.Context, string) (dnsupdate.TLSA, error) {
	now := time.Now()
	return dnsupdate.TLSA{Zone: "example.test.", Name: dane.Name(25, host), Secure: true, Servers: []dnsupdate.TLSAServer{
		{Server: "ns1", Records: z.now(), TTL: time.Hour, SignedFrom: now.Add(-time.Hour), SignedUntil: now.Add(time.Hour)},
	}}, nil
}

func (z *memoryZone) AddTLSA(_ context.Context, _ dnsupdate.TLSA, records []dane.TLSA, _ time.Duration) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = append(slices.Clone(z.records), records...)
	z.changes++
	return nil
}

func (z *memoryZone) RemoveTLSA(_ context.Context, _ dnsupdate.TLSA, records []dane.TLSA) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = slices.DeleteFunc(slices.Clone(z.records), func(r dane.TLSA) bool { return slices.ContainsFunc(records, r.Equal) })
	z.changes++
	return nil
}

func (z *memoryZone) now() []dane.TLSA {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.records
}

// yearOfKeys is a Keeper with a rollover of its keys, in a bubble with its own clock.
type yearOfKeys struct {
	*acme.Keeper
	rollover *rollover.Keeper
	zone     memoryZone
	log      wait.Log

	records []dane.TLSA // in the cache of the sender's resolver
	until   time.Time
	keys    map[string]bool
}

func (y *yearOfKeys) start(t *testing.T, ca *pebble.CA, dir string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&y.log, nil))
	sets := [][]string{{host}}
	y.rollover = rollover.New(rollover.Options{
		Store: autocert.DirCache(dir), Ports: []int{25}, DNS: &y.zone, TTL: time.Hour, Log: log,
		Certificates: []rollover.Certificate{{Planned: acme.Plan(sets, []acme.KeyType{acme.P256})[0], Hosts: []string{host}}},
	})
	k, err := acme.New(acme.Options{
		Certificates: sets, Keys: []acme.KeyType{acme.P256}, Plan: y.rollover, Directory: ca.Directory, Dir: dir, HTTP: "unused",
		Log: log, Changed: y.rollover.Wake, Transport: ca,
	})
	if err != nil {
		t.Fatal(err)
	}
	y.Keeper = k
	k.Serve()
	y.rollover.Serve()
}

func (y *yearOfKeys) stop() {
	y.Close()
	y.rollover.Close()
}

// send verifies the certificate with the records in the cache.
func (y *yearOfKeys) send(t *testing.T) {
	t.Helper()
	if !time.Now().Before(y.until) {
		y.records, y.until = y.zone.now(), time.Now().Add(time.Hour)
	}
	for _, c := range y.Certificates([]string{host}) {
		y.keys[dane.Of(c.Leaf).String()] = true
		terms := outbound.Terms{Level: outbound.DANE, Records: y.records}
		if v := terms.Judge(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Leaf}}); len(y.records) > 0 && v.Err != nil {
			t.Errorf("refused at %s: %v", time.Now().UTC(), v.Err)
		}
	}
}

// For a year a sender with DANE sends every hour. Each renewal at the CA has a new key,
// and no mail is refused, while the process is restarted every ten days, and the CA is
// down for a week when a renewal is due.
func TestNewKeysForAYear(t *testing.T) {
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Life: 90 * 24 * time.Hour, Trusting: true})
	dir := filepath.Join(t.TempDir(), "acme")
	synctest.Test(t, func(t *testing.T) {
		y := &yearOfKeys{keys: map[string]bool{}}
		y.start(t, ca, dir)
		for hour := range 365 * 24 {
			time.Sleep(time.Hour)
			synctest.Wait()
			y.send(t)
			day := hour / 24
			ca.SetDown(day >= 55 && day < 62)
			if hour%240 == 239 {
				y.stop()
				y.start(t, ca, dir)
			}
			if t.Failed() {
				break
			}
		}
		y.stop()
		if len(y.keys) < 6 || len(y.zone.now()) != 2 {
			t.Errorf("%d keys, %d records", len(y.keys), len(y.zone.now()))
		}
		if said := y.log.String(); strings.Contains(said, "cannot be rolled over") || strings.Contains(said, "PRIVATE KEY") || t.Failed() {
			t.Error(said)
		}
		t.Logf("%d keys, %d changes of DNS", len(y.keys), y.zone.changes)
	})
}
