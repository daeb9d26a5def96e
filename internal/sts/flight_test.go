package sts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// signed is a DNS in which every domain announces a policy, until it fails.
type signed struct {
	asked  atomic.Int64
	failed atomic.Bool
}

func (d *signed) Ask(context.Context, string, dnsmessage.Type) (resolver.Answer, error) {
	d.asked.Add(1)
	if d.failed.Load() {
		return resolver.Answer{}, errAway
	}
	record := &dnsmessage.TXTResource{TXT: []string{"v=STSv1; id=1"}}
	return resolver.Answer{Records: []dnsmessage.Resource{{Body: record}}}, nil
}

// slow is a Fetcher whose web servers take their time.
type slow struct {
	takes          time.Duration
	fetched        atomic.Int64
	running, atMax atomic.Int64
	broken         bool
}

func (f *slow) Fetch(ctx context.Context, domain string) (string, error) {
	f.fetched.Add(1)
	f.atMax.Store(max(f.atMax.Load(), f.running.Add(1)))
	defer f.running.Add(-1)
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if f.broken {
		return "", errAway
	}
	return "version: STSv1\nmode: enforce\nmx: mx." + domain + "\nmax_age: 86400\n", nil
}

func newSlow(t *testing.T, takes time.Duration) (*Store, *signed, *slow) {
	t.Helper()
	dns, web := &signed{}, &slow{takes: takes}
	return NewStore(t.TempDir(), dns, web, slog.New(slog.DiscardHandler)), dns, web
}

// Many sessions for one domain ask for its policy once.
func TestOneFetchOfADomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dns, web := newSlow(t, 10*time.Second)
		var sessions sync.WaitGroup
		for range 100 {
			sessions.Go(func() {
				if policy, found, err := s.Lookup(t.Context(), "a.example"); !found || err != nil || policy.Mode != "enforce" {
					t.Error(policy, found, err)
				}
			})
		}
		sessions.Wait()
		if web.fetched.Load() != 1 || dns.asked.Load() != 1 {
			t.Errorf("%d fetches, %d questions", web.fetched.Load(), dns.asked.Load())
		}
	})
}

// A session that ends early hands its check over to another one.
func TestACheckIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, web := newSlow(t, 10*time.Second)
		first, end := context.WithCancel(t.Context())
		var sessions sync.WaitGroup
		sessions.Go(func() {
			if _, found, err := s.Lookup(first, "a.example"); found || !errors.Is(err, context.Canceled) {
				t.Error(found, err)
			}
		})
		synctest.Wait()
		for range 5 {
			sessions.Go(func() {
				if _, found, err := s.Lookup(t.Context(), "a.example"); !found || err != nil {
					t.Error(found, err)
				}
			})
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, found, err := s.Lookup(impatient, "a.example"); found || !errors.Is(err, context.DeadlineExceeded) {
			t.Error("it has waited on:", found, err)
		}
		end()
		sessions.Wait()
		if web.fetched.Load() != 2 {
			t.Errorf("%d fetches", web.fetched.Load())
		}
	})
}

// Fetches are bounded in all. A domain whose policy could not be asked for in
// time is not taken for one that has none.
func TestFetchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, web := newSlow(t, 50*time.Second)
		var sessions sync.WaitGroup
		var busy atomic.Int64
		for i := range 3 * maxSlots {
			sessions.Go(func() {
				_, found, err := s.Lookup(t.Context(), fmt.Sprintf("%d.example", i))
				switch {
				case errors.Is(err, errBusy) && !found:
					busy.Add(1)
				case !found || err != nil:
					t.Error(found, err)
				}
			})
		}
		sessions.Wait()
		if web.atMax.Load() != maxSlots || busy.Load() != maxSlots {
			t.Errorf("%d at once, %d were not asked for", web.atMax.Load(), busy.Load())
		}
	})
}

// A fetch that has failed is not repeated for each message.
func TestFailuresAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dns, web := newSlow(t, 0)
		web.broken = true
		expect := func(step string, asked, fetched int64) {
			t.Helper()
			_, found, err := s.Lookup(t.Context(), "a.example")
			if u, failed := errors.AsType[*mtasts.Unavailable](err); found || err != nil && !failed || failed && u.Invalid || dns.asked.Load() != asked || web.fetched.Load() != fetched {
				t.Errorf("%s: %t, %v, after %d questions and %d fetches", step, found, err, dns.asked.Load(), web.fetched.Load())
			}
		}
		expect("a fetch that fails", 1, 1)
		time.Sleep(checkTime - time.Second)
		expect("soon again", 1, 1)
		time.Sleep(time.Second)
		expect("later", 2, 2)
		dns.failed.Store(true)
		time.Sleep(checkTime)
		expect("no answer", 3, 2)
		time.Sleep(failTime - time.Second)
		expect("soon again", 3, 2)
		time.Sleep(time.Second)
		expect("later", 4, 2)
	})
}

// While no slot is free, the policy that is known is in force.
func TestAKnownPolicyNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := newSlow(t, 0)
		s.remember("a.example", entry{id: "0", text: "x", expires: time.Now().Add(time.Hour)})
		for range maxSlots {
			s.slots <- struct{}{}
		}
		if _, found, err := s.Lookup(t.Context(), "a.example"); !found || err != nil {
			t.Error(found, err)
		}
		if _, found, err := s.Lookup(t.Context(), "b.example"); found || err == nil || !strings.Contains(err.Error(), "too many") {
			t.Error(found, err)
		}
	})
}
