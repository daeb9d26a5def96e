package dnsupdate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libdns/libdns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// recorder is a Provider that records its calls.
type recorder struct{ calls []string }

func (r *recorder) AppendRecords(_ context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	r.calls = append(r.calls, "add "+zone+" "+records[0].RR().Name+" "+records[0].RR().Type+" "+records[0].RR().Data)
	return records, nil
}

func (r *recorder) DeleteRecords(_ context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	r.calls = append(r.calls, "remove "+zone+" "+records[0].RR().Name+" "+records[0].RR().Type+" "+records[0].RR().Data)
	return records, nil
}

func newClient(t *testing.T) (*Client, *recorder, *nameserver.Server) {
	t.Helper()
	s := nameserver.New(t)
	r := &recorder{}
	s.Zone("example.test")
	return &Client{Provider: r, Resolver: resolver.Resolver{Address: s.Address, Timeout: time.Second}, Port: s.Port(), Timeout: 3 * time.Second}, r, s
}

func TestSetWaitRemove(t *testing.T) {
	c, r, s := newClient(t)
	change, err := c.Set(t.Context(), "_acme-challenge.mail.Example.test", "text")
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	go func() { published <- c.Wait(t.Context(), change) }()
	s.Set("_acme-challenge.mail.example.test", &dnsmessage.TXTResource{TXT: []string{"another"}}, &dnsmessage.TXTResource{TXT: []string{"te", "xt"}})
	if err := <-published; err != nil {
		t.Error(err)
	}
	if err := c.Remove(t.Context(), change); err != nil {
		t.Error(err)
	}
	want := []string{"add example.test. _acme-challenge.mail TXT text", "remove example.test. _acme-challenge.mail TXT text"}
	if !slices.Equal(r.calls, want) {
		t.Errorf("%q", r.calls)
	}
}

// The record is set where the aliases end, in the zone of that name, which may be the
// name itself.
func TestSetFollowsAliases(t *testing.T) {
	c, r, s := newClient(t)
	s.Zone("x.challenges.test")
	s.Set("_acme-challenge.example.test", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("a.challenges.test.")})
	s.Set("a.challenges.test", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("x.challenges.test.")})
	if _, err := c.Set(t.Context(), "_acme-challenge.example.test", "text"); err != nil || !slices.Equal(r.calls, []string{"add x.challenges.test. @ TXT text"}) {
		t.Errorf("%q, %v", r.calls, err)
	}
	s.Set("loop.example.test", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("pool.example.test.")})
	s.Set("pool.example.test", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("loop.example.test.")})
	if _, err := c.Set(t.Context(), "loop.example.test", "text"); err == nil {
		t.Error("a loop has an end")
	}
}

// Wait names the server that has no record, or does not answer.
func TestWaitNamesTheServer(t *testing.T) {
	c, _, s := newClient(t)
	s.Set("n.example.test", &dnsmessage.TXTResource{TXT: []string{"text"}})
	s.Set("example.test",
		&dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.example.test.")}, &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns2.example.test.")})
	s.Set("ns2.example.test", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 2}}) // no server is there
	change := Change{"example.test.", "n.example.test.", "text"}
	if err := c.Wait(t.Context(), change); err == nil || !strings.Contains(err.Error(), "after 3s: ns2.example.test.: ") {
		t.Error(err)
	}
	s.Set("example.test")
	if err := c.Wait(t.Context(), change); !errors.Is(err, errNoNS) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ended, change); err == nil {
		t.Error("Wait does not end with its context")
	}
}

func TestSetFails(t *testing.T) {
	c, _, _ := newClient(t)
	if _, err := c.Set(t.Context(), "mail.unknown.invalid", "text"); !errors.Is(err, errNoZone) {
		t.Error(err)
	}
	c.Provider = nil
	if _, err := c.Set(t.Context(), "mail.example.test", "text"); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
}
