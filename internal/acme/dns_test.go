package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libdns/libdns"
	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
)

// zone is a Provider that changes the records of a test server.
type zone struct {
	dns *nameserver.Server
	err error

	mu    sync.Mutex
	texts map[string][]string // by name
	most  int                 // the most records that were set at once
}

func (z *zone) AppendRecords(_ context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	if r := records[0].RR(); z.has(libdns.AbsoluteName(r.Name, zone), r.Data) {
		return nil, errExists
	}
	return records, z.edit(zone, records, func(have []string, text string) []string { return append(have, text) })
}

func (z *zone) has(name, text string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Contains(z.texts[name], text)
}

var errExists = errors.New("an identical record exists already") // the reply of some DNS hosts

func (z *zone) DeleteRecords(_ context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, z.edit(zone, records, func(have []string, text string) []string {
		return slices.DeleteFunc(have, func(t string) bool { return t == text })
	})
}

func (z *zone) edit(zone string, records []libdns.Record, change func([]string, string) []string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.err != nil {
		return z.err
	}
	for _, r := range records {
		name := libdns.AbsoluteName(r.RR().Name, zone)
		z.texts[name] = change(z.texts[name], r.RR().Data)
		var bodies []dnsmessage.ResourceBody
		for _, text := range z.texts[name] {
			bodies = append(bodies, &dnsmessage.TXTResource{TXT: []string{text}})
		}
		z.most = max(z.most, len(bodies))
		z.dns.Set(name, bodies...)
	}
	return nil
}

// left lists the names that still have records.
func (z *zone) left() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var names []string
	for name, texts := range z.texts {
		if len(texts) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// newDNSBench creates a keeper that changes the zone example.test.
func newDNSBench(t *testing.T, o Options) (*bench, *zone) {
	t.Helper()
	z := &zone{texts: map[string][]string{}}
	o.DNS = &dnsupdate.Client{Provider: z}
	b := newBench(t, o)
	z.dns = b.dns
	b.dns.Zone("example.test")
	b.o.DNS.Resolver, b.o.DNS.Port, b.o.DNS.Timeout = resolver.Resolver{Address: b.dns.Address}, b.dns.Port(), 3*time.Second
	b.start(t, pebble.Options{})
	return b, z
}

// A wildcard and its parent are proved by two records at one name, which are removed.
func TestDNS01Wildcard(t *testing.T) {
	t.Parallel()
	b, z := newDNSBench(t, Options{Certificates: [][]string{{"*.example.test", "example.test"}}})
	b.Serve()
	for _, c := range b.await(t, 2, anyOne) {
		verify(t, b.ca, c, "any.example.test")
		verify(t, b.ca, c, "example.test")
	}
	if len(b.Certificates([]string{"*.example.test"})) != 2 || z.most < 2 || len(z.left()) > 0 {
		t.Errorf("%d records at once, left: %v", z.most, z.left())
	}
	if strings.Contains(b.log.String(), "level=WARN") || strings.Contains(b.log.String(), "level=ERROR") {
		t.Error(b.log)
	}
}

// An alias of _acme-challenge leads to another zone, which is changed instead.
func TestDNS01Delegation(t *testing.T) {
	t.Parallel()
	b, z := newDNSBench(t, Options{Keys: []KeyType{P256}})
	b.dns.Zone("challenges.test")
	b.dns.Set("_acme-challenge."+mail, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("mail.challenges.test.")})
	if err := b.order(b.entry(P256)); err != nil {
		t.Fatal(err)
	}
	if _, there := z.texts["mail.challenges.test."]; !there || len(z.texts) != 1 || len(z.left()) > 0 {
		t.Errorf("%v", z.texts)
	}
}

// A zone that cannot be changed, or is not in step, costs no attempt at the CA: the
// problem names the server and says what to do.
func TestDNS01Fails(t *testing.T) {
	t.Parallel()
	b, z := newDNSBench(t, Options{Keys: []KeyType{P256}})
	e := b.entry(P256)
	z.err = errors.New("dns response error code \"REFUSED\" (5)")
	words, remedy := b.describe(b.order(e), e)
	if !strings.Contains(words, "REFUSED") || remedy != remedyDNS {
		t.Error(words, remedy)
	}
	z.err = nil
	z.dns = nameserver.New(t) // the changes go to a server that is not asked
	words, remedy = b.describe(b.order(e), e)
	if !strings.Contains(words, "ns.example.test.") || !strings.Contains(words, errAbsentWords) || remedy != remedyDNS {
		t.Error(words, remedy)
	}
	if len(z.left()) > 0 {
		t.Error("a record is left")
	}
}

const errAbsentWords = "the server does not have it"

// dns-persist-01 needs one record, which the problem shows; with the record there, the
// certificate is issued and nothing is changed.
func TestDNSPersist(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{DNS: &dnsupdate.Client{}, Persist: true, Keys: []KeyType{P256}, Certificates: [][]string{{"*.example.test", "example.test"}}})
	b.o.DNS.Resolver = resolver.Resolver{Address: b.dns.Address}
	b.start(t, pebble.Options{})
	e := b.entry(P256)
	_, remedy := b.describe(b.order(e), e)
	_, text, ok := strings.Cut(remedy, "_validation-persist.example.test. IN TXT ")
	if !ok || !strings.Contains(text, "ca.test; accounturi=https://") || !strings.Contains(text, "; policy=wildcard") {
		t.Fatal(remedy)
	}
	b.dns.Set("_validation-persist.example.test", &dnsmessage.TXTResource{TXT: []string{"other.test; accounturi=x"}}, &dnsmessage.TXTResource{TXT: []string{strings.Trim(text, `"`)}})
	if err := b.order(e); err != nil {
		t.Fatal(b.describe(err, e))
	}
	verify(t, b.ca, *b.table.get(e), "any.example.test")
}

func TestPersistentRecords(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for text, want := range map[string]bool{
		"ca.test; accounturi=u": true, " CA.test ;AccountURI = u ; x=y": true, "ca.test; accounturi=u; policy=wildcard; persistUntil=1800000001": true,
		"ca.test; accounturi=v": false, "other.test; accounturi=u": false, "ca.test": false, "": false,
		"ca.test; accounturi=u; persistUntil=1800000000": false, "ca.test; accounturi=u; persistuntil=x": false,
	} {
		if got := parsePersistent(text).allows([]string{"ca.test"}, "u", false, now); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if parsePersistent("ca.test; accounturi=u").allows([]string{"ca.test"}, "u", true, now) {
		t.Error("a wildcard needs its policy")
	}
}

func chainOf(t *testing.T, c tls.Certificate) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for _, der := range c.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cert)
	}
	return all
}

func challengeOf(token string) acme.Challenge {
	return acme.Challenge{Token: token, KeyAuthorization: token + ".thumbprint"}
}
