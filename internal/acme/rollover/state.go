package rollover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/acme"
)

// Step is a step of a rollover.
type Step string

// The steps, in their order.
const (
	Publish Step = "publish"
	Settle  Step = "settle"
	Ready   Step = "ready"
	Retire  Step = "retire"
)

// state is stored for each certificate. Records are in the form of zone files.
type state struct {
	Step  Step      `json:"step"`
	Since time.Time `json:"since"` // when the step began

	Current  string       `json:"current"` // the record of the key of the stored certificate; empty without a certificate
	Next     string       `json:"next"`
	NextType acme.KeyType `json:"next_type"`
	NextKey  string       `json:"next_key"` // in PEM form
	Old      []string     `json:"old"`      // replaced, but clients may still get them
	Remove   []string     `json:"remove"`   // records that no client needs

	TTL  time.Duration `json:"ttl"`  // the longest TTL that resolvers may have got the records with
	TTL2 time.Duration `json:"ttl2"` // the same, of what they got since the step retire began
	Held time.Duration `json:"held"` // how long the condition of the step has held
	Last time.Time     `json:"last"` // the last check at which it did; zero: it did not
}

// stateSuffix follows the name of the certificate in the store.
const stateSuffix = "+dane"

const (
	maxGap = 15 * time.Minute   // the most that an interval between two checks counts
	maxTTL = 7 * 24 * time.Hour // resolvers keep no record longer (RFC 8767 §4)
)

var errState = errors.New("the stored state of the rollover cannot be read")

// load reads the state of a certificate. Without a stored one the state is that of the first
// step.
func load(ctx context.Context, store autocert.Cache, name string) (state, error) {
	s := state{Step: Publish}
	data, err := store.Get(ctx, name+stateSuffix)
	if errors.Is(err, autocert.ErrCacheMiss) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", errState, err)
	}
	if json.Unmarshal(data, &s) != nil || !slices.Contains([]Step{Publish, Settle, Ready, Retire}, s.Step) {
		return state{}, errState // the cause could quote the key
	}
	return s, nil
}

func (s state) save(ctx context.Context, held acme.Held, name string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return held.Put(ctx, name+stateSuffix, data)
}

// inStep returns the state at the beginning of a step.
func (s state) inStep(step Step, now time.Time) state {
	s.Step, s.Since, s.Held, s.Last = step, now, 0, time.Time{}
	return s
}

// hold adds the time since the last check to the time that the condition has held.
func (s state) hold(now time.Time) state {
	if !s.Last.IsZero() {
		s.Held += min(max(now.Sub(s.Last), 0), maxGap)
	}
	s.Last = now
	return s
}

// wait returns how long a step lasts. RFC 7671 §8.1 asks for the TTL; it is doubled for
// servers that this machine does not see, such as other sites of an anycast address.
func (s state) wait() time.Duration { return 2 * s.TTL }

// wanted lists the records that have to be in DNS.
func (s state) wanted() (records []string) {
	for _, r := range []string{s.Current, s.Next} {
		if r != "" {
			records = append(records, r)
		}
	}
	return records
}

// advance returns the state after a check: current is the record of the key of the
// stored certificate, seen holds the answers of the DNS servers.
// grace is added to the wait of the step retire.
func (s state) advance(now time.Time, current string, seen view, grace time.Duration) state {
	s = s.follow(now, current)
	s.TTL = max(s.TTL, min(seen.ttl(), maxTTL))
	switch s.Step {
	case Publish:
		if seen.good(now, s.wanted()) == nil {
			s = s.inStep(Settle, now).hold(now)
		}
	case Settle, Ready:
		s = s.confirm(now, seen)
	case Retire:
		s.TTL2 = max(s.TTL2, min(seen.ttl(), maxTTL))
		if s = s.hold(now); s.Held >= s.wait()+grace {
			s.Remove, s.Old = append(s.Remove, s.Old...), nil
			s.TTL, s.TTL2 = s.TTL2, 0
			s = s.inStep(Publish, now)
		}
	}
	s.Remove = slices.DeleteFunc(slices.Clone(s.Remove), func(r string) bool {
		return seen.nowhere(r) || slices.Contains(s.wanted(), r)
	})
	return s
}

// follow notices another key of the stored certificate: the next key, or a key that the
// administrator has restored.
func (s state) follow(now time.Time, current string) state {
	if current == s.Current || current == "" {
		return s
	}
	had := s.Current
	s.Current = current
	if current == s.Next {
		s.Next, s.NextKey = "", ""
	} else if had == "" {
		return s.inStep(Publish, now) // the first certificate
	}
	if had != "" {
		s.Old = append(s.Old, had)
	}
	s.Old = slices.DeleteFunc(s.Old, func(r string) bool { return r == current })
	return s.inStep(Retire, now)
}

// confirm checks again that both records are everywhere. While a server does not answer,
// the time does not count. If a server lacks a record, the time begins again.
func (s state) confirm(now time.Time, seen view) state {
	switch {
	case seen.lacks(s.wanted()):
		return s.inStep(Publish, now)
	case seen.good(now, s.wanted()) != nil:
		s.Last = time.Time{}
		return s
	case s.Step == Ready:
		return s
	}
	if s = s.hold(now); s.Held >= s.wait() {
		return s.inStep(Ready, now)
	}
	return s
}
