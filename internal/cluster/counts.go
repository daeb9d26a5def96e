package cluster

import (
	"context"
	"time"
)

// Counts stores values in the path of a login: each call takes at most Options.SessionTime.
type Counts struct {
	store *Store
	kind  string
}

// Logins returns the counts of failed logins.
func (s *Store) Logins() *Counts { return &Counts{s, "login"} }

// Read returns the values of names, nil for a missing one.
func (c *Counts) Read(names []string) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(c.store.life, c.store.o.SessionTime)
	defer cancel()
	all := make([]Name, len(names))
	for i, name := range names {
		all[i] = Name{c.kind, name}
	}
	return c.store.Get(ctx, all...)
}

// Update changes a value; see Store.Update.
func (c *Counts) Update(name string, life time.Duration, change func(value []byte) []byte) error {
	ctx, cancel := context.WithTimeout(c.store.life, c.store.o.SessionTime)
	defer cancel()
	return c.store.Update(ctx, Name{c.kind, name}, life, change)
}

// Now returns the time of the store's clock.
func (c *Counts) Now() time.Time { return c.store.Now() }
