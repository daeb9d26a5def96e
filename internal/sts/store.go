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

// DNS looks records up; see nexthop.DNS.
type DNS interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error)
}

// Store looks policies up and keeps them. Its methods may be called from any goroutine.
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

// entry holds the policy of a domain. An entry without a policy records that the domain
// has none, or that it cannot be fetched.
type entry struct {
	id      string
	policy  mtasts.Policy // good until expires
	text    string        // of the policy, as it was served
	expires time.Time
	next    time.Time // when the domain is to be asked again

	unavailable *mtasts.Unavailable // why the last fetch has failed; nil: it has not
}

func (e entry) good(now time.Time) bool { return e.text != "" && now.Before(e.expires) }

const (
	// checkTime is the time after a check, failed or not, until the next one. RFC 8461
	// §3.3 asks for five minutes between two failed fetches.
	checkTime = 10 * time.Minute

	// failTime is the time after a failure of DNS until it is asked again.
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

// Lookup returns the policy of a domain that is in force. If DNS or the web server
// fails, the known policy stays in force until it expires. Lookup fails if no policy is
// known and the domain could not be checked, because it may have a policy. With a
// *mtasts.Unavailable the domain counts as one without a policy.
func (s *Store) Lookup(ctx context.Context, domain string) (policy mtasts.Policy, found bool, err error) {
	e, err := s.present(ctx, domain)
	if e.good(time.Now()) {
		return e.policy, true, nil
	}
	if err == nil && e.unavailable != nil {
		err = e.unavailable
	}
	return e.policy, false, err
}

// check is a check of a domain that runs. Other callers for this domain wait for it.
type check struct {
	ended chan struct{}
	err   error // errBusy, or why it has ended early; written before ended is closed
}

// present returns the entry of a domain, after a check if one is due. One check of a
// domain runs at a time, in the goroutine of its first caller. If the context of that
// caller ends, a caller that waits makes the check.
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

// lead makes a check for all callers that wait for it.
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

// check asks the domain whether the entry is still valid. It stores only answers and
// failures of the domain itself.
func (s *Store) check(ctx context.Context, domain string, e entry) (entry, error) {
	now := time.Now()
	id, found, err := s.id(ctx, domain)
	e.next, e.unavailable = now.Add(checkTime), nil
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

// renew fetches the policy. It fails if too many fetches run.
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
	fetched := err == nil
	if fetched {
		policy, err = mtasts.Parse(text)
	}
	now := time.Now()
	if e.next = now.Add(checkTime); err != nil {
		s.log.Warn("the MTA-STS policy cannot be had", "domain", domain, "error", err, "known", e.good(now))
		e.unavailable = &mtasts.Unavailable{Invalid: fetched, Err: err}
		return e, nil
	}
	e = entry{id: id, policy: policy, text: text, expires: now.Add(policy.MaxAge), next: e.next}
	if err := s.disk.write(domain, e); err != nil {
		s.log.Error("the MTA-STS policy cannot be kept", "domain", domain, "error", err)
	}
	return e, nil
}

// id looks the ID of the domain's policy up in DNS.
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

// recall returns the entry of a domain, from memory or from disk.
func (s *Store) recall(domain string) entry {
	s.mu.Lock()
	e, found := s.known[domain]
	s.mu.Unlock()
	if found {
		return e
	}
	return s.disk.read(domain)
}

// remember stores an entry in memory, which holds a bounded number of them. Policies
// stay on disk.
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
