package rollover

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/dnsupdate"
)

// view holds the answers of the DNS servers for the names of a certificate.
type view []named

// named is the answers for one name, or the error if its servers are not known.
type named struct {
	name string
	dnsupdate.TLSA
	err error
}

var (
	errLacks     = errors.New("does not have the record")
	errUnsigned  = errors.New("has no signature (DNSSEC) for the TLSA records")
	errSignature = errors.New("has a signature (DNSSEC) for the TLSA records that is not valid now")
)

func has(s dnsupdate.TLSAServer, record string) bool {
	wanted := parsed([]string{record})
	return len(wanted) == 1 && slices.ContainsFunc(s.Records, wanted[0].Equal)
}

// good returns nil if every server of every name has the records, with a signature that
// is valid now; else the first fault.
func (v view) good(now time.Time, records []string) error {
	for _, n := range v {
		if n.err != nil {
			return n.err
		}
		for _, s := range n.Servers {
			if err := goodAt(s, now, records); err != nil {
				return fmt.Errorf("%s at %s: %w", n.name, s.Server, err)
			}
		}
	}
	return nil
}

func goodAt(s dnsupdate.TLSAServer, now time.Time, records []string) error {
	if s.Err != nil {
		return s.Err
	}
	for _, r := range records {
		if !has(s, r) {
			return fmt.Errorf("%w %s", errLacks, r)
		}
	}
	switch {
	case s.SignedUntil.IsZero():
		return errUnsigned
	case now.Before(s.SignedFrom) || now.After(s.SignedUntil):
		return fmt.Errorf("%w: from %s to %s", errSignature, s.SignedFrom.UTC().Format(time.DateTime), s.SignedUntil.UTC().Format(time.DateTime))
	}
	return nil
}

// lacks reports whether a server answers without one of the records.
func (v view) lacks(records []string) bool {
	for _, n := range v {
		for _, r := range records {
			if n.count(r, false) > 0 {
				return true
			}
		}
	}
	return false
}

// nowhere reports whether all servers answer, and none has a record.
func (v view) nowhere(record string) bool {
	for _, n := range v {
		if n.err != nil || n.count(record, false) < len(n.Servers) {
			return false
		}
	}
	return true
}

// count returns how many servers answer with a record, or without it.
func (n named) count(record string, with bool) (count int) {
	for _, s := range n.Servers {
		if s.Err == nil && has(s, record) == with {
			count++
		}
	}
	return count
}

// ttl returns the longest TTL of the records.
func (v view) ttl() (ttl time.Duration) {
	for _, n := range v {
		for _, s := range n.Servers {
			ttl = max(ttl, s.TTL)
		}
	}
	return ttl
}

// secure reports whether the resolver has validated the answers for all names.
func (v view) secure() bool {
	return !slices.ContainsFunc(v, func(n named) bool { return !n.Secure })
}
