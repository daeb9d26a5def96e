package acme

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"github.com/letterlock/letterlock/internal/dnsupdate"
)

// solvers returns the challenges that can be answered in an order for names. With access
// to DNS, only IP addresses are proved in another way.
func (k *Keeper) solvers(registered acme.Account, names []string) map[string]acmez.Solver {
	all := map[string]acmez.Solver{}
	byDNS := k.o.DNS != nil && !slices.ContainsFunc(names, isAddress)
	if k.o.HTTP != "" && !byDNS {
		all[acme.ChallengeTypeHTTP01] = http01{k.answers}
	}
	if k.o.TLSALPN != "" && !byDNS {
		all[acme.ChallengeTypeTLSALPN01] = tlsALPN01{k.answers}
	}
	switch {
	case k.o.DNS == nil:
	case k.o.Persist:
		all[dnsPersist01] = dnsPersist{k.o.DNS, registered.Location, names, k.transport.issuersOf}
	default:
		all[acme.ChallengeTypeDNS01] = &dns01{client: k.o.DNS, log: k.o.Log, changes: map[string]dnsupdate.Change{}}
	}
	return all
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// dns01 is the solver of DNS-01 (RFC 8555 §8.4). It sets the record and waits until all
// authoritative servers have it.
type dns01 struct {
	client *dnsupdate.Client
	log    *slog.Logger

	mu      sync.Mutex
	changes map[string]dnsupdate.Change // by the challenge's URL
}

const (
	cleanUpTime = 20 * time.Second
	remedyDNS   = "see that the DNS server accepts changes of _acme-challenge from this machine (acme.dns), and that all servers of the zone are in step"
)

// Present sets the record.
func (s *dns01) Present(ctx context.Context, c acme.Challenge) error {
	change, err := s.client.Set(ctx, c.DNS01TXTRecordName(), c.DNS01KeyAuthorization())
	if err != nil {
		return remedied{err, remedyDNS}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes[c.URL] = change
	return nil
}

// Wait waits for the servers.
func (s *dns01) Wait(ctx context.Context, c acme.Challenge) error {
	s.mu.Lock()
	change := s.changes[c.URL]
	s.mu.Unlock()
	if err := s.client.Wait(ctx, change); err != nil {
		return remedied{err, remedyDNS}
	}
	return nil
}

// CleanUp removes the record, even if the order was given up.
func (s *dns01) CleanUp(ctx context.Context, c acme.Challenge) error {
	s.mu.Lock()
	change, set := s.changes[c.URL]
	delete(s.changes, c.URL)
	s.mu.Unlock()
	if !set {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	err := s.client.Remove(ctx, change)
	if err != nil {
		s.log.Warn("a record of a challenge is left in DNS: remove it", "error", err)
	}
	return err
}

// removeLeft removes the record of a challenge that another instance has left.
func (s *dns01) removeLeft(ctx context.Context, c acme.Challenge) {
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	if err := s.client.RemoveLeft(ctx, c.DNS01TXTRecordName(), c.DNS01KeyAuthorization()); err != nil {
		s.log.Warn("a record of a challenge is left in DNS: remove it", "error", err)
	}
}

// dnsPersist is the solver of dns-persist-01 (draft-ietf-acme-dns-persist): the
// administrator sets one record for each name, which stays. The solver only checks it.
type dnsPersist struct {
	client  *dnsupdate.Client
	account string   // URL
	names   []string // of the order
	issuers func(name string) []string
}

const dnsPersist01 = "dns-persist-01"

var errNoRecord = errors.New("there is no TXT record that allows this account")

// Present returns an error with the record to set unless there is one.
func (s dnsPersist) Present(ctx context.Context, c acme.Challenge) error {
	name, issuers := c.Identifier.Value, s.issuers(c.Identifier.Value)
	wildcard := slices.Contains(s.names, "*."+name)
	texts, err := s.client.Texts(ctx, "_validation-persist."+name)
	if err != nil {
		return remedied{err, "see that acme.dns.resolver answers"}
	}
	for _, text := range texts {
		if p := parsePersistent(text); p.allows(issuers, s.account, wildcard, time.Now()) {
			return nil
		}
	}
	return remedied{fmt.Errorf("_validation-persist.%s: %w", name, errNoRecord), "publish this record, which stays: " + s.record(name, issuers, wildcard)}
}

// CleanUp leaves the record.
func (dnsPersist) CleanUp(context.Context, acme.Challenge) error { return nil }

// record returns the record to set, as a line of a zone file.
func (s dnsPersist) record(name string, issuers []string, wildcard bool) string {
	issuer := "ISSUER" // the CA has named none
	if len(issuers) > 0 {
		issuer = issuers[0]
	}
	text := issuer + "; accounturi=" + s.account
	if wildcard {
		text += "; policy=wildcard"
	}
	return fmt.Sprintf("_validation-persist.%s. IN TXT %q", name, text)
}

// persistent is the content of a record for dns-persist-01.
type persistent struct {
	issuer, account string
	wildcard        bool
	until           time.Time // zero: for ever
}

// parsePersistent reads a record, whose form is that of a CAA record's value (RFC 8659
// §4.2). It leaves out what it does not know.
func parsePersistent(text string) persistent {
	parts := strings.Split(text, ";")
	p := persistent{issuer: strings.ToLower(strings.TrimSpace(parts[0]))}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "accounturi":
			p.account = value
		case "policy":
			p.wildcard = strings.EqualFold(value, "wildcard")
		case "persistuntil":
			seconds, _ := strconv.ParseInt(value, 10, 64)
			p.until = time.Unix(seconds, 0)
		}
	}
	return p
}

func (p persistent) allows(issuers []string, account string, wildcard bool, now time.Time) bool {
	return slices.Contains(issuers, p.issuer) && p.account == account && (p.wildcard || !wildcard) && (p.until.IsZero() || now.Before(p.until))
}
