package reversedns

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// zone is a DNS with two tables. Names without an address do not exist; a query
// for an address with the claim "slow" is answered when its context ends.
type zone struct {
	pointers  map[string][]string
	addresses map[string]string
	asked     atomic.Int64
}

func (z *zone) LookupAddr(ctx context.Context, address string) ([]string, error) {
	z.asked.Add(1)
	claims := z.pointers[address]
	if len(claims) == 1 && claims[0] == "slow" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if claims == nil {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return claims, nil
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	text, ok := z.addresses[host]
	if !ok {
		return nil, &net.DNSError{IsNotFound: true}
	}
	if text == "fails" {
		return nil, &net.DNSError{IsTemporary: true}
	}
	return []netip.Addr{netip.MustParseAddr(text)}, nil
}

var testZone = zone{
	pointers: map[string][]string{
		"192.0.2.1":   {"mail.example.net."},
		"192.0.2.2":   {"liar.example.net."},
		"192.0.2.3":   {"evil\r\nRCPT TO:<x>.", "with blank.example.", strings.Repeat("x", 64) + ".example."},
		"192.0.2.4":   {"slow"},
		"192.0.2.5":   {"other.example.net.", "five.example.net."},
		"192.0.2.6":   {"flaky.example.net."},
		"192.0.2.7":   {"a.x.", "b.x.", "c.x.", "d.x.", "mail.example.net."},
		"2001:db8::1": {"six.example.net."},
	},
	addresses: map[string]string{
		"mail.example.net": "::ffff:192.0.2.1", "liar.example.net": "192.0.2.99", "other.example.net": "192.0.2.98",
		"five.example.net": "192.0.2.5", "flaky.example.net": "fails", "six.example.net": "2001:db8::1",
	},
}

func start(search func()) { go search() }

func TestReverseDNS(t *testing.T) {
	n := New(&testZone)
	for address, want := range map[string]gate.Name{
		"192.0.2.1":   {Confirmed: "mail.example.net", Claimed: "mail.example.net"},
		"192.0.2.2":   {Claimed: "liar.example.net"},
		"192.0.2.3":   {},
		"192.0.2.4":   {Temporary: true},
		"192.0.2.5":   {Confirmed: "five.example.net", Claimed: "five.example.net"},
		"192.0.2.6":   {Claimed: "flaky.example.net", Temporary: true},
		"192.0.2.7":   {Claimed: "a.x"},
		"192.0.2.99":  {},
		"2001:db8::1": {Confirmed: "six.example.net", Claimed: "six.example.net"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := n.Lookup(t.Context(), netip.MustParseAddr(address), time.Second, start).Wait(t.Context()); got != want {
				t.Errorf("%s: %+v, want %+v", address, got, want)
			}
		})
	}
}

func TestReverseDNSAsksOnce(t *testing.T) {
	z := &zone{pointers: testZone.pointers, addresses: testZone.addresses}
	n := New(z)
	one := netip.MustParseAddr("192.0.2.1")
	var held []func()
	hold := func(search func()) { held = append(held, search) }
	first, second := n.Lookup(t.Context(), one, time.Minute, hold), n.Lookup(t.Context(), one, time.Minute, hold)
	if first != second || len(held) != 1 || first.Confirmed() != "" {
		t.Fatalf("%d searches", len(held))
	}
	held[0]()
	if first.Confirmed() != "mail.example.net" || n.Lookup(t.Context(), one, time.Minute, hold) != first || z.asked.Load() != 1 {
		t.Errorf("%q, asked %d times", first.Confirmed(), z.asked.Load())
	}
	n.mu.Lock()
	first.until = time.Now().Add(-time.Second)
	n.mu.Unlock()
	if n.Lookup(t.Context(), one, time.Minute, hold) == first {
		t.Error("an expired answer is still used")
	}
}

func TestReverseDNSIsBounded(t *testing.T) {
	n := New(&zone{})
	address := netip.MustParseAddr("10.0.0.0")
	for range maxKnown + 100 {
		n.Lookup(t.Context(), address, time.Minute, func(search func()) { search() })
		address = address.Next()
	}
	if len(n.known) > maxKnown {
		t.Errorf("%d are kept", len(n.known))
	}
}

// FuzzPlainName checks that any accepted name is safe in a header, a log and a
// command.
func FuzzPlainName(f *testing.F) {
	for _, seed := range []string{"mail.example.com", "a_b.example", "a b", "a..b", "", "x\r\nQUIT", "jörg.example", "*.example.com"} {
		f.Add(seed)
	}
	name := regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$`)
	f.Fuzz(func(t *testing.T, text string) {
		if plainName(text) != (name.MatchString(text) && len(text) <= 253) {
			t.Fatalf("%q is taken: %v", text, plainName(text))
		}
	})
}
