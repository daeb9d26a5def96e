package sts

import (
	"context"
	"log/slog"
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

	busy chan struct{} // one token for each fetch that runs

	mu    sync.Mutex
	known map[string]entry
}

// entry is what is known of a domain. One without a policy says that there is
// none, or none to be had.
type entry struct {
	id      string
	policy  mtasts.Policy // good until expires
	text    string        // of the policy, as it was served
	expires time.Time
	checked time.Time // when DNS, or the domain, was last asked
}

func (e entry) good(now time.Time) bool { return e.text != "" && now.Before(e.expires) }

const (
	// checkTime is how long an answer is taken for the present one, good or
	// bad; RFC 8461 §3.3 wants five minutes between two failures.
	checkTime  = 10 * time.Minute
	maxKnown   = 10_000 // domains, in memory and on disk
	maxFetches = 32     // at the same time
)

// NewStore keeps policies in a folder, which need not exist yet.
func NewStore(folder string, dns DNS, fetch Fetcher, log *slog.Logger) *Store {
	return &Store{
		dns: dns, fetch: fetch, log: log, disk: disk(folder),
		busy: make(chan struct{}, maxFetches), known: map[string]entry{},
	}
}

// Lookup returns the policy of a domain that is in force. What cannot be asked
// or fetched leaves the one that is known in force until it expires.
func (s *Store) Lookup(ctx context.Context, domain string) (mtasts.Policy, bool) {
	now := time.Now()
	e := s.recall(domain)
	if now.Sub(e.checked) >= checkTime {
		e = s.check(ctx, domain, e, now)
	}
	return e.policy, e.good(now)
}

// check asks the domain whether what is known of it is still so.
func (s *Store) check(ctx context.Context, domain string, e entry, now time.Time) entry {
	id, found := s.id(ctx, domain)
	switch {
	case !found, id == e.id && e.good(now):
	case ctx.Err() == nil:
		e = s.renew(ctx, domain, id, e, now)
	}
	if ctx.Err() != nil {
		return e // it was not the domain that failed
	}
	e.checked = now
	s.remember(domain, e)
	return e
}

// renew fetches the policy.
func (s *Store) renew(ctx context.Context, domain, id string, e entry, now time.Time) entry {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return e
	}
	text, err := s.fetch.Fetch(ctx, domain)
	var policy mtasts.Policy
	if err == nil {
		policy, err = mtasts.Parse(text)
	}
	if err != nil {
		s.log.Warn("the MTA-STS policy cannot be had", "domain", domain, "error", err, "known", e.good(now))
		return e
	}
	e = entry{id: id, policy: policy, text: text, expires: now.Add(policy.MaxAge)}
	if err := s.disk.write(domain, e); err != nil {
		s.log.Error("the MTA-STS policy cannot be kept", "domain", domain, "error", err)
	}
	return e
}

// id asks DNS for the ID of the domain's policy.
func (s *Store) id(ctx context.Context, domain string) (id string, found bool) {
	answer, err := s.dns.Ask(ctx, mtasts.RecordName(domain), dnsmessage.TypeTXT)
	if err != nil {
		return "", false
	}
	var texts []string
	for _, r := range answer.Records {
		if txt, ok := r.Body.(*dnsmessage.TXTResource); ok {
			joined := ""
			for _, part := range txt.TXT {
				joined += part
			}
			texts = append(texts, joined)
		}
	}
	return mtasts.ParseRecords(texts)
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
