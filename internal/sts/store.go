package sts

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// DNS answers questions; see nexthop.DNS.
type DNS interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error)
}

// Store knows policies. Its methods may be called from any goroutine.
type Store struct {
	dns   DNS
	fetch Fetcher
	log   *slog.Logger
	disk  disk

	slots chan struct{} // one token for each fetch that runs

	mu     sync.Mutex
	known  map[string]entry
	checks map[string]*check // that run, by domain
}

// entry is what is known of a domain. One without a policy says that there is
// none, or none to be had.
type entry struct {
	id      string
	policy  mtasts.Policy // good until expires
	text    string        // of the policy, as it was served
	expires time.Time
	next    time.Time // when the domain is to be asked again
}

func (e entry) good(now time.Time) bool { return e.text != "" && now.Before(e.expires) }

const (
	// checkTime is how long an answer is taken for the present one, good or
	// bad; RFC 8461 §3.3 wants five minutes between two failed fetches.
	checkTime = 10 * time.Minute

	// failTime is how long DNS is not asked again after it has failed.
	failTime = time.Minute

	slotTime = time.Minute // the longest wait for a slot
	maxKnown = 10_000      // domains, in memory and on disk
	maxSlots = 32          // fetches at the same time
)

// NewStore keeps policies in a folder, which need not exist yet.
func NewStore(folder string, dns DNS, fetch Fetcher, log *slog.Logger) *Store {
	return &Store{
		dns: dns, fetch: fetch, log: log, disk: disk(folder),
		slots: make(chan struct{}, maxSlots), known: map[string]entry{}, checks: map[string]*check{},
	}
}

var errBusy = errors.New("too many MTA-STS policies are being fetched")

// Lookup returns the policy of a domain that is in force. What cannot be asked
// or fetched leaves the one that is known in force until it expires. It fails
// if none is known and it did not come to ask: there may be one.
func (s *Store) Lookup(ctx context.Context, domain string) (policy mtasts.Policy, found bool, err error) {
	e, err := s.present(ctx, domain)
	if e.good(time.Now()) {
		return e.policy, true, nil
	}
	return e.policy, false, err
}

// check is a check of a domain that runs. Others who want the same wait for it.
type check struct {
	ended chan struct{}
	err   error // errBusy, or why it has ended early; written before ended is closed
}

// present returns what is known of a domain, after a check if one is due. One
// check of a domain runs at a time, in the goroutine of the first who wants it.
// If that one gives up, another of those who wait goes on in its place.
func (s *Store) present(ctx context.Context, domain string) (entry, error) {
	for {
		e := s.recall(domain)
		if time.Now().Before(e.next) {
			return e, nil
		}
		c, leads := s.join(domain)
		if leads {
			return s.lead(ctx, domain, e, c)
		}
		select {
		case <-c.ended:
			if errors.Is(c.err, errBusy) {
				return s.recall(domain), c.err
			}
		case <-ctx.Done():
			return e, ctx.Err()
		}
	}
}

func (s *Store) join(domain string) (c *check, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.checks[domain]; c != nil {
		return c, false
	}
	c = &check{ended: make(chan struct{})}
	s.checks[domain] = c
	return c, true
}

// lead does a check for all who wait for it.
func (s *Store) lead(ctx context.Context, domain string, known entry, c *check) (e entry, err error) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.err = err
		delete(s.checks, domain)
		close(c.ended)
	}()
	return s.check(ctx, domain, known)
}

// check asks the domain whether what is known of it is still so. Only what the
// domain itself has answered, or failed to, is remembered.
func (s *Store) check(ctx context.Context, domain string, e entry) (entry, error) {
	now := time.Now()
	id, found, err := s.id(ctx, domain)
	e.next = now.Add(checkTime)
	switch {
	case err != nil:
		e.next = now.Add(failTime)
	case found && (id != e.id || !e.good(now)):
		if e, err = s.renew(ctx, domain, id, e); err != nil {
			return e, err
		}
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	s.remember(domain, e)
	return e, nil
}

// renew fetches the policy. It fails if there is no slot for that.
func (s *Store) renew(ctx context.Context, domain, id string, e entry) (entry, error) {
	wait := time.NewTimer(slotTime)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-wait.C:
		return e, errBusy
	case <-ctx.Done():
		return e, ctx.Err()
	}
	text, err := s.fetch.Fetch(ctx, domain)
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	var policy mtasts.Policy
	if err == nil {
		policy, err = mtasts.Parse(text)
	}
	now := time.Now()
	if e.next = now.Add(checkTime); err != nil {
		s.log.Warn("the MTA-STS policy cannot be had", "domain", domain, "error", err, "known", e.good(now))
		return e, nil
	}
	e = entry{id: id, policy: policy, text: text, expires: now.Add(policy.MaxAge), next: e.next}
	if err := s.disk.write(domain, e); err != nil {
		s.log.Error("the MTA-STS policy cannot be kept", "domain", domain, "error", err)
	}
	return e, nil
}

// id asks DNS for the ID of the domain's policy.
func (s *Store) id(ctx context.Context, domain string) (id string, found bool, err error) {
	answer, err := s.dns.Ask(ctx, mtasts.RecordName(domain), dnsmessage.TypeTXT)
	if err != nil {
		return "", false, err
	}
	var texts []string
	for _, r := range answer.Records {
		if txt, ok := r.Body.(*dnsmessage.TXTResource); ok {
			texts = append(texts, strings.Join(txt.TXT, ""))
		}
	}
	id, found = mtasts.ParseRecords(texts)
	return id, found, nil
}

// recall is what is known of a domain, from memory or from disk.
func (s *Store) recall(domain string) entry {
	s.mu.Lock()
	e, found := s.known[domain]
	s.mu.Unlock()
	if found {
		return e
	}
	return s.disk.read(domain)
}

// remember holds a bounded number; what is forgotten is on disk, if it was
// anything.
func (s *Store) remember(domain string, e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.known[domain]; !found && len(s.known) >= maxKnown {
		for other := range s.known {
			delete(s.known, other)
			break
		}
	}
	s.known[domain] = e
}
