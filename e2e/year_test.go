package e2e

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libdns/libdns"
	"github.com/miekg/dns"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

const day = 24 * time.Hour

// TestNewKeysForAYear lets a year pass, with certificates of 45 days. Letterlock changes
// the key at each renewal, and the TLSA records by DNS updates of a zone that Knot signs.
// Each hour Postfix and the smarthost send a message to the host. Both insist on DANE, by
// a resolver that validates the zone and keeps its records for their TTL. All messages
// arrive.
//
// Letterlock's part and Pebble are in a bubble with its own clock. Those of Knot and
// Unbound follow it. The senders need no clock: neither dates of certificates nor answers
// of DNS are their business.
func TestNewKeysForAYear(t *testing.T) {
	y := newYear(t)
	synctest.Test(t, func(t *testing.T) {
		y.start(t)
		defer y.stop()
		y.firstRecords(t)
		for hour := range 365 * 24 {
			time.Sleep(time.Hour)
			synctest.Wait()
			y.hour(t, hour)
			if t.Failed() {
				break
			}
		}
	})
	if n := len(y.keys); n < 10 {
		t.Errorf("%d keys in a year", n)
	}
	if said := y.log.String(); t.Failed() || strings.Contains(said, "PRIVATE KEY") {
		t.Error(said)
	}
	t.Logf("%d messages, %d keys, %d changes of DNS", y.sent, len(y.keys), y.changes.Load())
}

// firstRecords waits for the first certificate and its TLSA record.
func (y *year) firstRecords(t *testing.T) {
	t.Helper()
	for range 24 {
		time.Sleep(time.Hour)
		synctest.Wait()
		found, err := y.dns.TLSA(t.Context(), dane.Name(y.port, yearHost))
		if err == nil && found.Secure && len(y.store.Certificates()) > 0 && len(found.Servers) == 2 && len(found.Servers[1].Records) > 0 {
			return
		}
	}
	t.Fatalf("there are no TLSA records after a day\n%s", y.log.String())
}

// hour makes the changes of an hour, and sends its mail.
func (y *year) hour(t *testing.T, hour int) {
	t.Helper()
	today := hour / 24
	y.ca.SetDown(today >= 85 && today < 100) // a renewal is due
	if hour%24 == 12 {
		y.otherChange(t, today)
	}
	leaf := y.store.Certificates()[0].Leaf
	if key := dane.Of(leaf).String(); !y.keys[key] {
		y.keys[key], y.changed = true, hour
	}
	// Each third new key is followed by a request of the CA to renew at once. The next key
	// cannot be used so soon.
	if hour == y.changed+9 && len(y.keys)%3 == 0 {
		y.ca.SuggestRenewal(t, leaf, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))
	}
	if hour%240 == 239 {
		y.stop()
		y.start(t)
	}
	if err := y.move(); err != nil {
		t.Fatal(err)
	}
	for _, refusal := range y.send(hour) {
		t.Errorf("%s: %s", time.Now().UTC().Format(time.DateTime), refusal)
	}
}

// otherChange adds or removes another record of the zone, as happens in zones.
func (y *year) otherChange(t *testing.T, today int) {
	t.Helper()
	if err := y.move(); err != nil {
		t.Fatal(err)
	}
	record, err := dns.NewRR("sometimes." + yearZone + ". 3600 IN TXT here")
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if m.SetUpdate(yearZone + "."); today%2 == 0 {
		m.Insert([]dns.RR{record})
	} else {
		m.Remove([]dns.RR{record})
	}
	m.SetTsig(world.TSIGName, dns.HmacSHA256, 300, time.Now().Unix())
	c := dns.Client{Net: "tcp", Timeout: world.Patience, TsigSecret: map[string]string{world.TSIGName: world.TSIGSecret}}
	if answer, _, err := c.Exchange(m, y.servers.Primary); err != nil || answer.Rcode != dns.RcodeSuccess {
		t.Fatal(answer, err)
	}
}

// moved is access to DNS that sets the clocks of its servers.
type moved struct {
	*dnsupdate.Client
	y *year
}

func (m moved) TLSA(ctx context.Context, name string) (dnsupdate.TLSA, error) {
	if err := m.y.move(); err != nil {
		return dnsupdate.TLSA{}, err
	}
	return m.Client.TLSA(ctx, name)
}

// provider changes the zone, and returns when both servers have the change: the clock of
// the bubble does not go on while the servers work.
type provider struct {
	dnsupdate.Provider
	y *year
}

func (p provider) AppendRecords(ctx context.Context, zone string, records []libdns.Record) (all []libdns.Record, err error) {
	return p.change(func() ([]libdns.Record, error) { return p.Provider.AppendRecords(ctx, zone, records) })
}

func (p provider) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) (all []libdns.Record, err error) {
	return p.change(func() ([]libdns.Record, error) { return p.Provider.DeleteRecords(ctx, zone, records) })
}

func (p provider) change(do func() ([]libdns.Record, error)) (all []libdns.Record, err error) {
	if err := p.y.move(); err != nil {
		return nil, err
	}
	if all, err = do(); err == nil {
		p.y.changes.Add(1)
		p.y.outside(func() { err = p.y.servers.InStep() })
	}
	return all, err
}
