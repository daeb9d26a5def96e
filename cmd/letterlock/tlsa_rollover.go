package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme/rollover"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// rollovers are the changes of keys that a running proxy has stored.
type rollovers struct {
	ports []int
	all   []rollover.Status
}

func rolloversOf(ctx context.Context, c *configs.Config) (r rollovers, err error) {
	if c.ACME == nil || c.ACME.DANE == nil {
		return r, nil
	}
	r.ports = c.ACME.DANE.Ports
	r.all, err = rollover.Stored(ctx, autocert.DirCache(app.ACMEDir(c)), app.RolledOver(c), c.ACME.DANE.Publish == "hand")
	return r, err
}

const keyStays = "stays, as the renewal keeps the key"

// storedRenewal says what a renewal does to the record of a certificate by ACME.
func storedRenewal(c *configs.Config) string {
	if c.ACME.DANE == nil {
		return keyStays
	}
	return "the next key, if its record is at all servers by then; else the same"
}

// knows reports whether a record belongs to a rollover, so that it is not a stale one.
func (r rollovers) knows(record dane.TLSA) bool {
	return slices.ContainsFunc(r.all, func(s rollover.Status) bool {
		return slices.Contains(append([]string{s.Current, s.Next}, s.Old...), record.String())
	})
}

// next prints the records of the next keys for a port, and where their rollover is.
func (t *tlsaReport) next(port int, host string, published []dane.TLSA) {
	if !slices.Contains(t.rollovers.ports, port) {
		return
	}
	for _, s := range t.rollovers.all {
		if !slices.Contains(s.Hosts, host) {
			continue
		}
		if s.Next != "" {
			t.ui.printf("%s IN TLSA %s\n", dane.Name(port, host), s.Next)
			t.ui.printf(";   %s, the next key\n", s.Key)
			if t.resolver != nil {
				t.ui.printf(";   %s\n", publishedWord(published, s.Next))
			}
		}
		t.ui.printf("; %s, step %s since %s: %s\n", s.Key, s.Step, s.Since.UTC().Format(time.DateTime), s.Words)
		for _, old := range s.Remove {
			t.ui.printf("; %s can be removed\n", old)
		}
	}
}

func publishedWord(published []dane.TLSA, record string) string {
	if slices.ContainsFunc(published, func(r dane.TLSA) bool { return r.String() == record }) {
		return "published"
	}
	return "not published yet: the present key stays until it is"
}
