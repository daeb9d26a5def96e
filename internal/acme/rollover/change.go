package rollover

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// attempt is when a change was last asked for, and the pause before it is asked for again.
type attempt struct {
	at    time.Time
	pause time.Duration
}

const (
	firstPause   = time.Minute
	longestPause = time.Hour
	replacePause = 24 * time.Hour // after a change that removed another record
)

var (
	errChange   = errors.New("DNS cannot be changed")
	errFirst    = errors.New("the first TLSA records wait for a certificate with each type of key")
	errReplaces = errors.New("adding a TLSA record has removed another one of the name")
)

// recordOf returns the record of a key as the state holds it; empty: the key is of a type
// that certificates cannot hold.
func recordOf(public crypto.PublicKey) string {
	record, err := dane.OfKey(public)
	if err != nil {
		return ""
	}
	return record.String()
}

// parsed reads records in the form that recordOf writes.
func parsed(records []string) (all []dane.TLSA) {
	for _, r := range records {
		data, err := hex.DecodeString(strings.TrimPrefix(r, "3 1 1 "))
		if err == nil {
			all = append(all, dane.TLSA{Usage: dane.EndEntity, Selector: dane.PublicKey, Matching: dane.SHA256, Data: data})
		}
	}
	return all
}

// change asks for the records that are missing, and for the removal of old ones.
func (k *Keeper) change(ctx context.Context, e *entry, s state, seen view) (first error) {
	if k.o.ByHand {
		return nil
	}
	var done []string // several names may be aliases of one
	for _, n := range seen {
		if n.err != nil || slices.Contains(done, n.Name) {
			continue
		}
		done = append(done, n.Name)
		err := k.changeName(ctx, e, s, n)
		if err != nil && !errors.Is(err, errReplaces) && !errors.Is(err, errFirst) {
			err = fmt.Errorf("%w: %w", errChange, err)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (k *Keeper) changeName(ctx context.Context, e *entry, s state, n named) error {
	missing, err := k.missing(ctx, e, s, n)
	if err != nil {
		return err
	}
	wanted := len(missing)
	if missing = e.mayTry(n, "add", missing); len(missing) > 0 {
		ttl := view{n}.ttl()
		if ttl == 0 {
			ttl = k.o.TTL
		}
		e.refusal = k.o.DNS.AddTLSA(ctx, n.TLSA, parsed(missing), ttl)
		return e.refusal
	}
	if wanted > 0 || s.Current != "" && n.count(s.Current, true) == 0 {
		return e.refusal // a change is tried again after a pause
	}
	old := slices.DeleteFunc(slices.Clone(s.Remove), func(r string) bool { return n.count(r, true) == 0 })
	if len(old) == 0 {
		e.refusal = nil
	}
	if old = e.mayTry(n, "remove", old); len(old) > 0 {
		e.refusal = k.o.DNS.RemoveTLSA(ctx, n.TLSA, parsed(old))
	}
	return e.refusal
}

// missing lists the records to add to a name: first that of the present key, and only
// when all servers have it that of the next key. A record that some servers have is on
// its way to the others.
func (k *Keeper) missing(ctx context.Context, e *entry, s state, n named) ([]string, error) {
	now := time.Now()
	absent := func(r string) bool { return n.count(r, true) == 0 && n.count(r, false) > 0 }
	if s.Current != "" && absent(s.Current) {
		_, added := e.tried["add "+n.Name+" "+s.Next]
		if added && s.Next != "" && n.count(s.Next, true) > 0 {
			e.replaced = now
		}
		if k.shows(n) {
			return []string{s.Current}, nil
		}
		return k.first(ctx, n)
	}
	switch {
	case s.Step != Publish, s.Next == "", !absent(s.Next):
		return nil, nil
	case s.Current != "" && n.count(s.Current, false) > 0, s.Current == "" && !k.shows(n):
		return nil, nil // a record of the next key alone would refuse the present one
	case now.Before(e.replaced.Add(replacePause)):
		return nil, errReplaces
	}
	return []string{s.Next}, nil
}

func (k *Keeper) shows(n named) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inEffect(n)
}

// first lists the first records of a name: those of all its certificates, in one change.
// Until there is a certificate with each type of key there are none, because a sender
// would refuse a key without a record.
func (k *Keeper) first(ctx context.Context, n named) (records []string, err error) {
	for _, e := range k.entries {
		if !slices.ContainsFunc(e.Hosts, func(host string) bool { return strings.HasSuffix(n.name, "._tcp."+host+".") }) {
			continue
		}
		current, err := k.current(ctx, e)
		if err != nil {
			return nil, err
		}
		if current == "" {
			return nil, errFirst
		}
		records = append(records, current)
	}
	return records, nil
}

// mayTry returns the records for which a change may be asked for now. Each attempt doubles
// the pause before the next.
func (e *entry) mayTry(n named, verb string, records []string) (now []string) {
	for _, r := range records {
		key := verb + " " + n.Name + " " + r
		last, tried := e.tried[key]
		if tried && time.Since(last.at) < last.pause {
			continue
		}
		e.tried[key] = attempt{time.Now(), min(max(2*last.pause, firstPause), longestPause)}
		now = append(now, r)
	}
	return now
}
