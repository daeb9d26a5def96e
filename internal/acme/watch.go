package acme

import (
	"time"
)

// watch logs warnings about certificates that should have been renewed, and about the
// clock.
func (k *Keeper) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		for _, s := range k.table.sets {
			for _, e := range s.entries {
				k.complain(e, time.Now())
			}
		}
		select {
		case <-tick.C:
		case <-k.life.Done():
			return
		}
	}
}

// complain logs nothing until a quarter of a certificate's lifetime is left; a
// certificate is renewed when a third is left, or earlier.
func (k *Keeper) complain(e *entry, now time.Time) {
	c, f := k.table.get(e), k.table.failureOf(e)
	if c == nil {
		return // each failed order is logged
	}
	left := c.Leaf.NotAfter.Sub(now)
	about := []any{"host", e.names[0], "key", string(e.kind), "expires", c.Leaf.NotAfter.UTC(), "error", f.words, "remedy", f.remedy}
	switch {
	case left <= 0:
		k.o.Log.Error("AN EXPIRED CERTIFICATE IS SERVED, as the CA has given no other", about...)
	case left < lifeOf(c.Leaf)/4:
		k.o.Log.Warn("a certificate should have been renewed by now", about...)
	}
}
